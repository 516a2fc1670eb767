// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A portTimer ends a wait at a completion port more exactly than the timeout of
// the wait can, which counts ticks of 15.6 ms. Its packet goes to any wait of the
// port; where that is another one, the timeout still ends the one that it was
// for. So it is in the use of one wait at a time, and the others wait by ticks.
//
// Neither the call that ties a timer to a port nor its two companions are in a
// manual, but Go's runtime uses them too (runtime/netpoll_windows.go).
type portTimer struct {
	timer  windows.Handle // 0 if the system has none of the kind
	packet windows.Handle
	busy   atomic.Bool
}

var (
	procCreateWaitableTimerEx = kernel32.NewProc("CreateWaitableTimerExW")
	procSetWaitableTimer      = kernel32.NewProc("SetWaitableTimer")

	// Replaced by a test: Wine 8 has none of them.
	createWaitPacket    proc = ntdll.NewProc("NtCreateWaitCompletionPacket")
	associateWaitPacket proc = ntdll.NewProc("NtAssociateWaitCompletionPacket")
	cancelWaitPacket    proc = ntdll.NewProc("NtCancelWaitCompletionPacket")
)

type proc interface {
	Find() error
	Addr() uintptr
}

const (
	highResolution = 0x2                     // CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, from Windows 10 1803 on
	timerAccess    = windows.SYNCHRONIZE | 3 // and TIMER_QUERY_STATE, TIMER_MODIFY_STATE
	packetAccess   = windows.GENERIC_ALL
)

// create makes the timer if the system has such.
func (t *portTimer) create() {
	if createWaitPacket.Find() != nil || associateWaitPacket.Find() != nil || cancelWaitPacket.Find() != nil {
		return
	}
	timer, _, _ := syscall.SyscallN(procCreateWaitableTimerEx.Addr(), 0, 0, highResolution, timerAccess)
	if timer == 0 {
		return
	}
	status, _, _ := syscall.SyscallN(createWaitPacket.Addr(), uintptr(unsafe.Pointer(&t.packet)), packetAccess, 0)
	if status != 0 {
		windows.CloseHandle(windows.Handle(timer))
		return
	}
	t.timer = windows.Handle(timer)
}

// arm makes a packet come to the port after d, and reports whether it will.
func (t *portTimer) arm(port windows.Handle, d time.Duration) bool {
	if t.timer == 0 || !t.busy.CompareAndSwap(false, true) {
		return false
	}
	due := -ceil(d, 100) // negative is from now on, in units of 100 ns
	ok, _, _ := syscall.SyscallN(procSetWaitableTimer.Addr(), uintptr(t.timer), uintptr(unsafe.Pointer(&due)), 0, 0, 0, 0)
	if ok != 0 {
		var signaled bool
		status, _, _ := syscall.SyscallN(associateWaitPacket.Addr(), uintptr(t.packet), uintptr(port), uintptr(t.timer),
			timerKey, 0, 0, 0, uintptr(unsafe.Pointer(&signaled)))
		if status == 0 {
			return true
		}
		// A packet that was on its way when the last wait ended is not free yet.
	}
	t.busy.Store(false)
	return false
}

// disarm takes the packet back, also from the port.
func (t *portTimer) disarm() {
	syscall.SyscallN(cancelWaitPacket.Addr(), uintptr(t.packet), 1)
	t.busy.Store(false)
}

func (t *portTimer) close() {
	if t.timer != 0 {
		windows.CloseHandle(t.packet)
		windows.CloseHandle(t.timer)
	}
}
