// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

// macOS and iOS, by XNU's sources; never run there. poll is made of kqueue's filters:
// what they don't take it calls POLLNVAL, and then looks at no other (poll_nocancel in
// sys_generic.c). A FIFO is a vnode as any other, whose end they don't tell
// (filt_vnode_common; golang/go#24164). select knows better. There is neither pipe2 nor
// accept4.

var constructors = []func() (Selector, error){
	generic(NewKqueueSelector), generic(NewPollSelector), generic(NewSelectSelector),
}

const (
	endsEarly      = false
	clockMonotonic = unix.CLOCK_MONOTONIC

	// What poll is like.
	pollRDHUP      = 0 // it has none
	asksRDHUP      = false
	socketsRDHUP   = false
	pollStops      = true
	pollRefuses    = true
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
	userFilter   = unix.EVFILT_USER
	noteTrigger  = unix.NOTE_TRIGGER
	exceptFilter = unix.EVFILT_EXCEPT
	noteOOB      = unix.NOTE_OOB
	deafPipes    = -1
	devicesEnd   = true
)

var (
	eventfd           func(count uint, flags int) (int, error)
	pipe2             func(p []int, flags int) error
	accept4           func(fd, flags int) (int, unix.Sockaddr, error)
	recvNow, sendNow  = recvMsg, sendMsg
	readNow, writeNow func(fd int, p []byte) (int, error)

	// poll calls a FIFO or device writable that has room for a single byte
	// (spec_vnops.c, vfs_vnops.c).
	isReady = selectReady
)

func clockGettime(clock int32, now *unix.Timespec) error { return unix.ClockGettime(clock, now) }

func refuses(fd int, _ EventMask) bool { return isKqueue(fd) }

// filt_vnode_common serves them; golang/go#24164.
func fifosEnd() bool { return false }

func deafToClose(int) bool { return false }
