// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// DragonFly makes poll and select of kqueue (kern_kevent). Where a descriptor is refused
// they look at no other, and POLLNVAL is also what they say of a pipe whose other end is
// gone. The time that is left of a wait is counted by the last tick (getnanouptime).
// extpread(2) and extpwrite(2) have a flag that keeps one call from blocking, whatever
// mode the file is in (pipe_read, vn_read, devfs_fo_read). poll wouldn't do for a FIFO:
// it doesn't tell of its end (filt_fiforead with NOTE_OLDAPI).

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
	pollStops      = true
	pollRefuses    = false
	pollPacketsEnd = 0

	// What descriptors are like.
	fcntlDup         = unix.F_DUPFD_CLOEXEC
	oPath            = 0
	sockCloexec      = unix.SOCK_CLOEXEC // for accept4
	pipeBuf          = 512
	msgDontwait      = unix.MSG_DONTWAIT
	termiosGet       = unix.TIOCGETA
	nowServesDevices = true

	// What kqueue is like.
	userFilter   = unix.EVFILT_USER
	noteTrigger  = unix.NOTE_TRIGGER
	exceptFilter = unix.EVFILT_EXCEPT
	noteOOB      = unix.NOTE_OOB
	deafPipes    = -1
	devicesEnd   = true
)

var (
	eventfd          func(count uint, flags int) (int, error)
	pipe2            = unix.Pipe2
	accept4          = unix.Accept4
	recvNow, sendNow = recvMsg, sendMsg
	isReady          = pollReady
)

func clockGettime(clock int32, now *unix.Timespec) error { return unix.ClockGettime(clock, now) }

func readNow(fd int, p []byte) (int, error)  { return extNow(unix.SYS_EXTPREAD, fd, p) }
func writeNow(fd int, p []byte) (int, error) { return extNow(unix.SYS_EXTPWRITE, fd, p) }

func extNow(call uintptr, fd int, p []byte) (int, error) {
	const here = ^uintptr(0) // no offset
	n, _, errno := unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.O_FNONBLOCKING, here, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func refuses(fd int, _ EventMask) bool { return isKqueue(fd) }

func fifosEnd() bool { return true }

func deafToClose(int) bool { return false }
