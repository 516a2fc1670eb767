// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build aix || darwin || netbsd || openbsd || solaris

package selectors

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// acceptOne does what accept4 does elsewhere; a fork by Go waits for it.
func acceptOne(listener int) (int, error) {
	syscall.ForkLock.RLock()
	fd, _, err := unix.Accept(listener)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err == nil {
		err = unix.SetNonblock(fd, true)
		if err != nil {
			unix.Close(fd)
		}
	}
	return fd, err
}
