// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

// AIX has neither accept4, pipe2 nor F_DUPFD_CLOEXEC: a fork by C may come between. It was
// never run there.

var constructors = []func() (Selector, error){
	generic(NewPollSelector), generic(NewSelectSelector),
}

const (
	endsEarly      = false
	clockMonotonic = 0 // x/sys has no clock

	// What poll is like.
	pollRDHUP      = 0 // it has none
	asksRDHUP      = false
	socketsRDHUP   = false
	pollStops      = false
	pollRefuses    = false
	pollPacketsEnd = 0

	// What descriptors are like.
	fcntlDup         = unix.F_DUPFD
	oPath            = 0
	sockCloexec      = 0 // for accept4
	pipeBuf          = 512
	msgDontwait      = unix.MSG_NONBLOCK
	termiosGet       = unix.TCGETS
	nowServesDevices = false
)

var (
	eventfd           func(count uint, flags int) (int, error)
	pipe2             func(p []int, flags int) error
	accept4           func(fd, flags int) (int, unix.Sockaddr, error)
	recvNow, sendNow  = recvMsg, sendMsg
	readNow, writeNow func(fd int, p []byte) (int, error)
	isReady           = pollReady
)

func clockGettime(int32, *unix.Timespec) error { return unix.ENOSYS }

func refuses(int, EventMask) bool { return false } // nothing tells
