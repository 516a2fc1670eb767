// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// slotShift makes a slot in the table of a descriptor.
const slotShift = 0

func validNumber(n int64) bool {
	return 0 <= n && n <= math.MaxInt32
}

// checkOpen returns EBADF for a descriptor that is not open, where the system
// call that watches it would notice that too late.
func checkOpen(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return os.NewSyscallError("fcntl", err)
}
