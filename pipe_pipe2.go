// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build dragonfly || freebsd || netbsd || openbsd || solaris

package selectors

import (
	"os"

	"golang.org/x/sys/unix"
)

// newPipe returns the two ends of a pipe, in non-blocking mode and closed on
// exec.
func newPipe() (p [2]int, err error) {
	err = unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK)
	return p, os.NewSyscallError("pipe2", err)
}
