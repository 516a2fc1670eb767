// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !linux

package selectors

import "golang.org/x/sys/unix"

const pipeBuf = 512 // _POSIX_PIPE_BUF: none has less

func recvNow(fd int, p []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, p, msgDontwait)
		if n >= 0 && err == unix.EAFNOSUPPORT {
			err = nil // x/sys doesn't know the sender's address
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

// readNow and writeNow are for Linux: here fcntl has to tell the mode.
func readNow(int, []byte) (int, error)  { return 0, unix.EOPNOTSUPP }
func writeNow(int, []byte) (int, error) { return 0, unix.EOPNOTSUPP }

func guessFile(int) bool { return false }
func noteFile(int, bool) {}
