// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// A waker is an eventfd that every wait watches.
type waker struct {
	r   int     // the descriptor
	buf [8]byte // for drain; a local one escapes under the race detector
}

func newWaker() (*waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd2", err)
	}
	fd, err = aboveStandard(fd)
	if err != nil {
		return nil, err
	}
	return &waker{r: fd}, nil
}

var wakeCount = binary.NativeEndian.AppendUint64(nil, 1)

func (k *waker) wake() error {
	for {
		_, err := unix.Write(k.r, wakeCount)
		switch err {
		case unix.EINTR:
		case unix.EAGAIN: // the counter is full: there is enough to wake
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
		if _, err := unix.Read(k.r, k.buf[:]); err != unix.EINTR {
			return
		}
	}
}

func (k *waker) release() { unix.Close(k.r) }
