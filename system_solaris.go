// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

// Solaris and illumos, by illumos's sources; never run there. POLLRDHUP came to illumos in
// 2015; of Solaris there are no sources. x/sys has accept4 for illumos alone.

var constructors = []func() (Selector, error){
	generic(NewDevpollSelector), generic(NewPollSelector), generic(NewSelectSelector),
}

const (
	endsEarly      = false
	clockMonotonic = unix.CLOCK_MONOTONIC

	// What poll is like.
	pollRDHUP      = 0x4000 // of sys/poll.h
	asksRDHUP      = true
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
	termiosGet       = unix.TCGETS
	nowServesDevices = false
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

func refuses(int, EventMask) bool { return false } // nothing tells
