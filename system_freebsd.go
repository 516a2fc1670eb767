// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"sync"

	"golang.org/x/sys/unix"
)

// FreeBSD has no filter for urgent data. POLLRDHUP came during the life of 13, and of
// many a file that is no socket it makes POLLNVAL, as of regular files (poll_no_poll);
// pipes and terminals tell of their end unasked. From 15 on unix sockets are new code
// (uipc_usrreq.c).

var constructors = []func() (Selector, error){
	generic(NewKqueueSelector), generic(NewPollSelector), generic(NewSelectSelector),
}

const (
	endsEarly      = false
	clockMonotonic = unix.CLOCK_MONOTONIC

	// What poll is like.
	pollRDHUP      = 0x4000 // of sys/poll.h
	asksRDHUP      = true
	socketsRDHUP   = true
	pollStops      = false
	pollRefuses    = false
	pollPacketsEnd = 0

	// What descriptors are like.
	fcntlDup         = unix.F_DUPFD_CLOEXEC
	oPath            = 0
	sockCloexec      = unix.SOCK_CLOEXEC // for accept4
	pipeBuf          = 512
	msgDontwait      = unix.MSG_DONTWAIT
	termiosGet       = unix.TIOCGETA
	nowServesDevices = false

	// What kqueue is like.
	userFilter   = unix.EVFILT_USER
	noteTrigger  = unix.NOTE_TRIGGER
	exceptFilter = 0
	noteOOB      = 0
	deafPipes    = -1
	devicesEnd   = true
)

var (
	eventfd           func(count uint, flags int) (int, error)
	pipe2             = unix.Pipe2
	accept4           = unix.Accept4
	recvNow, sendNow  = recvMsg, sendMsg
	readNow, writeNow func(fd int, p []byte) (int, error)
	isReady           = pollReady
)

func clockGettime(clock int32, now *unix.Timespec) error { return unix.ClockGettime(clock, now) }

func refuses(fd int, _ EventMask) bool { return isKqueue(fd) }

func fifosEnd() bool { return true }

// FreeBSD 15 and later don't tell the filter for writing of a unix socket's close
// (unp_soisdisconnected).
func deafToClose(fd int) bool {
	if !deafUnixSockets() {
		return false
	}
	name, err := unix.Getsockname(fd)
	_, ok := name.(*unix.SockaddrUnix)
	return ok || err != nil // to be sure
}

var deafUnixSockets = sync.OnceValue(func() bool {
	release, err := unix.SysctlUint32("kern.osreldate")
	return err != nil || release >= 1500000
})
