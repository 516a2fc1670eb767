// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"sync"

	"golang.org/x/sys/unix"
)

// NetBSD has no filter for urgent data, EVFILT_USER from 10 on (x/sys lacks it), and
// terminals whose filters don't tell of their end. sosend heeds MSG_NBIO and not
// MSG_DONTWAIT, and soreceive either (uipc_socket.c of 9.99 and 10.99; seen there). The
// time that is left of a wait is counted by the last tick (gettimeleft).

var constructors = []func() (Selector, error){
	generic(NewKqueueSelector), generic(NewPollSelector), generic(NewSelectSelector),
}

const (
	endsEarly      = true
	clockMonotonic = 3 // CLOCK_MONOTONIC of sys/time.h

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
	msgDontwait      = unix.MSG_DONTWAIT | unix.MSG_NBIO
	termiosGet       = unix.TIOCGETA
	nowServesDevices = false

	// What kqueue is like.
	userFilter  = 8
	noteTrigger = 0x01000000

	// 0 is EVFILT_READ here, and so is never asked for.
	exceptFilter = 0
	noteOOB      = 0

	// pipeclose wakes both ends' filters before it marks the end that filt_pipewrite
	// looks at.
	deafPipes = unix.O_WRONLY

	// filt_ttyread and filt_ttywrite don't; filt_ptcread, of a master, does.
	devicesEnd = false
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

// Before 10 the filter for writing looks at the wrong socket, which can't be written to:
// it is ready at once, with EV_EOF, for ever (fifo_kqfilter in miscfs/fifofs/fifo_vnops.c).
var fifosEnd = sync.OnceValue(func() bool {
	version, err := unix.SysctlUint32("kern.osrevision")
	return err != nil || version >= 1000000000
})

func deafToClose(int) bool { return false }
