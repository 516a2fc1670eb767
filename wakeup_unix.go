// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !linux

package selectors

import (
	"os"

	"golang.org/x/sys/unix"
)

// A waker is a pipe whose read end every wait watches.
type waker struct {
	r, w int
	buf  [512]byte // for drain; a local one escapes under the race detector
}

func newWaker() (*waker, error) {
	p, err := newPipe()
	if err != nil {
		return nil, err
	}
	k := &waker{r: -1, w: -1}
	if k.r, err = aboveStandard(p[0]); err != nil {
		unix.Close(p[1])
		return nil, err
	}
	if k.w, err = aboveStandard(p[1]); err != nil {
		unix.Close(k.r)
		return nil, err
	}
	return k, nil
}

var wakeByte = []byte{0}

func (k *waker) wake() error {
	for {
		_, err := unix.Write(k.w, wakeByte)
		switch err {
		case unix.EINTR:
		case unix.EAGAIN: // the pipe is full: there is enough to wake
			return nil
		default:
			return os.NewSyscallError("write", err)
		}
	}
}

// drain also takes what is not the selector's own: somebody may have written to
// a descriptor that was not theirs.
func (k *waker) drain() {
	for {
		n, err := unix.Read(k.r, k.buf[:])
		if err != unix.EINTR && n < len(k.buf) {
			return
		}
	}
}

func (k *waker) release() {
	unix.Close(k.r)
	unix.Close(k.w)
}
