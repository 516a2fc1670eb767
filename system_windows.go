// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Windows can wait for sockets alone. Its clocks move by ticks of 15.6 ms, unless somebody
// asked for finer ones, and its timeouts count from the last one.

var constructors = []func() (Selector, error){
	generic(NewIOCPSelector), generic(NewSelectSelector),
}

const (
	hasSelectors  = true
	errWouldBlock = windows.WSAEWOULDBLOCK

	endsEarly = false // a wait never says that its time is over
)

// slotShift makes a slot in the table of a socket handle: handles are multiples
// of four.
const slotShift = 2

func validNumber(n int64) bool {
	// On 32 bit a handle may come as an uintptr beyond the largest int.
	return n != 0 && int(n) != -1 && (int64(int(n)) == n || int64(uintptr(n)) == n)
}

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
