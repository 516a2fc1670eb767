// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A waker is a pipe whose read end every wait watches. The core never wakes
// twice before it drains, so that there is at most one byte in it.
type waker struct {
	r, w int
	buf  [1]byte // for drain; a local one escapes under the race detector
}

func newWaker() (waker, error) {
	var p [2]int
	// Not every system has pipe2, and between pipe and fcntl a fork could
	// hand the descriptors on.
	syscall.ForkLock.RLock()
	err := unix.Pipe(p[:])
	if err == nil {
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return waker{}, os.NewSyscallError("pipe", err)
	}
	k := waker{r: p[0], w: p[1]}
	for _, fd := range p {
		if err := unix.SetNonblock(fd, true); err != nil {
			k.close()
			return waker{}, os.NewSyscallError("fcntl", err)
		}
	}
	return k, nil
}

var wakeByte = []byte{0}

func (k *waker) wake() error {
	for {
		_, err := unix.Write(k.w, wakeByte)
		if err != unix.EINTR {
			return os.NewSyscallError("write", err)
		}
	}
}

func (k *waker) drain() {
	for {
		if _, err := unix.Read(k.r, k.buf[:]); err != unix.EINTR {
			return
		}
	}
}

func (k *waker) close() {
	unix.Close(k.r)
	unix.Close(k.w)
}
