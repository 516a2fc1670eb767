// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build freebsd || solaris

package selectors

import (
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// pollRDHUP is poll's bit for a peer that sends nothing more. It has the same
// value in sys/poll.h of FreeBSD and illumos; x/sys lacks both.
const pollRDHUP = 0x4000

// tellsHangup reports whether the running kernel knows pollRDHUP: FreeBSD from
// 13 on does, and illumos from 2015; of Solaris there are no sources. A kernel
// that doesn't know it ignores the bit.
func tellsHangup() bool {
	answer := rdhup.Load()
	if answer == 0 {
		answer = askRDHUP()
		rdhup.Store(answer)
	}
	return answer > 0
}

var rdhup atomic.Int32 // what askRDHUP has found

// askRDHUP polls a socket whose reading side is shut and whose writing side is
// not, so that it has nothing else to tell. It returns 1 if the kernel knows
// the bit, -1 if it doesn't, and 0 if there is no socket to ask.
func askRDHUP() int32 {
	syscall.ForkLock.RLock()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return 0
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if unix.Shutdown(pair[0], unix.SHUT_RD) != nil {
		return 0
	}
	p := [1]unix.PollFd{{Fd: int32(pair[0]), Events: pollRDHUP}}
	if _, _, err := pollWait(p[:], 0); err != nil {
		return 0
	}
	if p[0].Revents&pollRDHUP == 0 {
		return -1
	}
	return 1
}
