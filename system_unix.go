// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import "golang.org/x/sys/unix"

// What unixes share.

const (
	hasSelectors  = true
	errWouldBlock = unix.EAGAIN
)

// recvMsg and sendMsg are recvNow and sendNow by what x/sys has for every unix.
func recvMsg(fd int, p []byte) (int, error) {
	n, _, err := unix.Recvfrom(fd, p, msgDontwait)
	if n >= 0 {
		err = nil // x/sys doesn't know the sender's address, or calls it too long
	}
	return n, err
}

func sendMsg(fd int, p []byte) (int, error) {
	return unix.SendmsgN(fd, p, nil, nil, msgDontwait|unix.MSG_NOSIGNAL)
}
