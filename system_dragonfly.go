// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// DragonFly's extpread(2) and extpwrite(2) have a flag that keeps one call from
// blocking, whatever mode the file is in (pipe_read, vn_read, devfs_fo_read). poll
// wouldn't do for a FIFO: it doesn't tell of its end (filt_fiforead with
// NOTE_OLDAPI).

const (
	sockCloexec      = unix.SOCK_CLOEXEC // for accept4
	pipeBuf          = 512
	msgDontwait      = unix.MSG_DONTWAIT
	termiosGet       = unix.TIOCGETA
	pollPacketsEnd   = 0
	nowServesDevices = true
)

var (
	accept4          = unix.Accept4
	recvNow, sendNow = recvMsg, sendMsg
	isReady          = pollReady
)

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

// refuses reports whether a call fails at once, always: a kqueue can't be read,
// and poll says that it isn't ready. kevent serves kqueues alone, and with no room
// for events it returns at once.
func refuses(fd int, _ EventMask) bool {
	_, err := unix.Kevent(fd, nil, nil, new(unix.Timespec))
	return err == nil
}
