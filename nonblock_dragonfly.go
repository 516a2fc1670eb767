// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// readNow and writeNow use a flag that makes one call of extpread(2) or
// extpwrite(2) non-blocking, whatever mode the file is in (pipe_read, vn_read,
// devfs_fo_read). poll wouldn't do for a FIFO: it doesn't tell of its end
// (filt_fiforead with NOTE_OLDAPI).
func readNow(fd int, p []byte) (int, error)  { return fileNow(unix.SYS_EXTPREAD, fd, p) }
func writeNow(fd int, p []byte) (int, error) { return fileNow(unix.SYS_EXTPWRITE, fd, p) }

func fileNow(call uintptr, fd int, p []byte) (int, error) {
	const here = ^uintptr(0) // no offset
	for {
		n, _, errno := unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.O_FNONBLOCKING, here, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
