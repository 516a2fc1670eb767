// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !linux

package selectors

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const pipeBuf = 512 // _POSIX_PIPE_BUF: none has less

func recvNow(fd int, p []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, p, msgDontwait)
		if n >= 0 {
			err = nil // x/sys doesn't know the sender's address, or calls it too long
		}
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

func sendNow(fd int, p []byte) (int, error) {
	for {
		n, err := unix.SendmsgN(fd, p, nil, nil, msgDontwait|unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// fionread is _IOR('f', 127, int) on all of these systems.
const fionread = 0x4004667f

// queued returns how many bytes a terminal has, 0 if that can't be told.
func queued(fd int) int {
	n, err := unix.IoctlGetInt(fd, fionread)
	if err != nil {
		return 0
	}
	return int(*(*int32)(unsafe.Pointer(&n))) // the system writes no more than that
}

func guessFile(int) bool { return false }
func noteFile(int, bool) {}
