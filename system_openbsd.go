// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

// OpenBSD, by its sources; never run there. Most have no EVFILT_USER: filter 0 is refused
// with EINVAL. Both ends of a pipe are open for both directions. The time that is left
// of a wait is counted by the last tick (kqueue_sleep).

var constructors = []func() (Selector, error){
	generic(NewKqueueSelector), generic(NewPollSelector), generic(NewSelectSelector),
}

const (
	endsEarly      = true
	clockMonotonic = unix.CLOCK_MONOTONIC

	// What poll is like.
	pollRDHUP      = 0 // it has none
	asksRDHUP      = false
	socketsRDHUP   = false
	pollStops      = false
	pollRefuses    = false
	pollPacketsEnd = 0

	// What descriptors are like.
	fcntlDup         = unix.F_DUPFD_CLOEXEC
	oPath            = 0
	sockCloexec      = 0 // for accept4
	pipeBuf          = 512
	msgDontwait      = unix.MSG_DONTWAIT
	termiosGet       = unix.TIOCGETA
	nowServesDevices = false

	// What kqueue is like.
	userFilter   = 0
	noteTrigger  = 0
	exceptFilter = unix.EVFILT_EXCEPT
	noteOOB      = unix.NOTE_OOB

	// pipe_destroy wakes the writer before it marks the end that filt_pipewrite looks
	// at.
	deafPipes  = unix.O_RDWR
	devicesEnd = true
)

var (
	eventfd           func(count uint, flags int) (int, error)
	pipe2             = unix.Pipe2
	accept4           func(fd, flags int) (int, unix.Sockaddr, error)
	recvNow, sendNow  = recvMsg, sendMsg
	readNow, writeNow func(fd int, p []byte) (int, error)
	isReady           = pollReady
)

func clockGettime(clock int32, now *unix.Timespec) error { return unix.ClockGettime(clock, now) }

func refuses(fd int, _ EventMask) bool { return isKqueue(fd) }

func fifosEnd() bool { return true }

func deafToClose(int) bool { return false }
