// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"syscall"
	"time"
	"unsafe"
)

var procQueryUnbiasedInterruptTime = kernel32.NewProc("QueryUnbiasedInterruptTime")

// monotonic returns the time on the clock that the kernel counts timeouts by.
// It moves when time.Now does, by ticks, so that no wait is too short for who
// measures by that: a finer clock would let one of 10 ms end within a tick. And
// time.Now stands still in a testing/synctest bubble while a system call waits.
func monotonic() time.Duration {
	var now uint64 // in units of 100 ns
	syscall.SyscallN(procQueryUnbiasedInterruptTime.Addr(), uintptr(unsafe.Pointer(&now)))
	return time.Duration(now) * 100
}
