// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build aix || darwin

package selectors

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// newPipe returns the two ends of a pipe, in non-blocking mode and closed on
// exec. The system has no pipe2: a fork by Go waits for both, one by C may come
// between.
func newPipe() (p [2]int, err error) {
	syscall.ForkLock.RLock()
	err = unix.Pipe(p[:])
	if err == nil {
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return p, os.NewSyscallError("pipe", err)
	}
	for _, fd := range p {
		if err := unix.SetNonblock(fd, true); err != nil {
			unix.Close(p[0])
			unix.Close(p[1])
			return p, os.NewSyscallError("fcntl", err)
		}
	}
	return p, nil
}
