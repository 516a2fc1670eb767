// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"os"
	"sync"
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

	endsEarly = false // a wait never says that its time is over: it counts from the last tick
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

// startWinsock makes the sockets' functions work. Nothing stops them again, as
// in package net.
var startWinsock = sync.OnceValue(func() error {
	var data windows.WSAData
	return os.NewSyscallError("WSAStartup", windows.WSAStartup(0x202, &data))
})

// newSocket returns a datagram socket.
func newSocket() (windows.Handle, error) {
	if err := startWinsock(); err != nil {
		return windows.InvalidHandle, err
	}
	socket, err := windows.WSASocket(windows.AF_INET, windows.SOCK_DGRAM, 0, nil, 0,
		windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	return socket, os.NewSyscallError("WSASocket", err)
}

// checkOpen returns WSAENOTSOCK for what is no open socket. Wine has other
// errors for some handles that named a socket once and name something else.
func checkOpen(socket windows.Handle) error {
	_, err := windows.GetsockoptInt(socket, windows.SOL_SOCKET, soType)
	switch err {
	case nil:
		return nil
	case windows.WSAENOBUFS, windows.WSAENETDOWN:
		return os.NewSyscallError("getsockopt", err)
	}
	return os.NewSyscallError("getsockopt", windows.WSAENOTSOCK)
}

const soType = 0x1008

// fionbio is FIONBIO of winsock2.h.
const fionbio = 0x8004667e

// setNonblock puts a socket into non-blocking mode, each time: a handle may be
// another socket's by the next call. It fails with WSAENOTSOCK for what is no
// open socket, of which Wine's WSAIoctl has other errors.
func setNonblock(socket windows.Handle) error {
	on, n := uint32(1), uint32(0)
	err := windows.WSAIoctl(socket, fionbio, (*byte)(unsafe.Pointer(&on)), 4, nil, 0, &n, nil, 0)
	if err != nil {
		if none := checkOpen(socket); none != nil {
			return none
		}
	}
	return os.NewSyscallError("WSAIoctl", err)
}

// socketError names the call. What is no socket is told alike everywhere.
func socketError(call string, err error) error {
	switch err {
	case windows.WSAEWOULDBLOCK, windows.ERROR_IO_PENDING:
		return ErrWouldBlock
	case windows.ERROR_INVALID_HANDLE:
		err = windows.WSAENOTSOCK
	}
	return os.NewSyscallError(call, err)
}

// isReadable asks select, without waiting.
func isReadable(socket windows.Handle) (bool, error) {
	set := [2]windows.Handle{1, socket}
	n, _, err := syscall.SyscallN(procSelect.Addr(), 0, uintptr(unsafe.Pointer(&set)), 0, 0, uintptr(unsafe.Pointer(new(timeval))))
	if int32(n) < 0 {
		return false, socketError("select", err)
	}
	return n > 0, nil
}

// What x/sys lacks.
var (
	ntdll    = windows.NewLazySystemDLL("ntdll.dll")
	kernel32 = windows.NewLazySystemDLL("kernel32.dll")

	procNtDeviceIoControlFile       = ntdll.NewProc("NtDeviceIoControlFile")
	procNtCancelIoFileEx            = ntdll.NewProc("NtCancelIoFileEx")
	procGetQueuedCompletionStatusEx = kernel32.NewProc("GetQueuedCompletionStatusEx")
	procCreateWaitableTimerEx       = kernel32.NewProc("CreateWaitableTimerExW")
	procSetWaitableTimer            = kernel32.NewProc("SetWaitableTimer")

	// Microsoft documents them since 2023 (Win32 devnotes). Replaced by a test: Wine 8
	// and 10 have none of them.
	createWaitPacket    proc = ntdll.NewProc("NtCreateWaitCompletionPacket")
	associateWaitPacket proc = ntdll.NewProc("NtAssociateWaitCompletionPacket")
	cancelWaitPacket    proc = ntdll.NewProc("NtCancelWaitCompletionPacket")
)

type proc interface {
	Find() error
	Addr() uintptr
}

// ntDeviceIoControlFile uses one buffer for question and answer.
func ntDeviceIoControlFile(file windows.Handle, context uintptr, status *windows.IO_STATUS_BLOCK, code uint32, buffer unsafe.Pointer, size uintptr) windows.NTStatus {
	r, _, _ := syscall.SyscallN(procNtDeviceIoControlFile.Addr(), uintptr(file), 0, 0, context, uintptr(unsafe.Pointer(status)),
		uintptr(code), uintptr(buffer), size, uintptr(buffer), size)
	return windows.NTStatus(r)
}

// ntCancelIoFileEx cancels a request, or all of a handle.
func ntCancelIoFileEx(file windows.Handle, request *windows.IO_STATUS_BLOCK) {
	var status windows.IO_STATUS_BLOCK
	syscall.SyscallN(procNtCancelIoFileEx.Addr(), uintptr(file), uintptr(unsafe.Pointer(request)), uintptr(unsafe.Pointer(&status)))
}

// getQueuedCompletionStatusEx returns the number of packets, 0 when the timeout
// is over. A negative timeout never ends.
func getQueuedCompletionStatusEx(port windows.Handle, packets []overlappedEntry, timeout time.Duration) (int, error) {
	ms := uintptr(ceil(timeout, time.Millisecond))
	if timeout < 0 {
		ms = windows.INFINITE
	}
	var n uint32
	ok, _, err := syscall.SyscallN(procGetQueuedCompletionStatusEx.Addr(), uintptr(port), uintptr(unsafe.Pointer(&packets[0])),
		uintptr(len(packets)), uintptr(unsafe.Pointer(&n)), ms, 0)
	if ok == 0 {
		if err == syscall.Errno(windows.WAIT_TIMEOUT) {
			return 0, nil
		}
		return 0, os.NewSyscallError("GetQueuedCompletionStatusEx", err)
	}
	return int(n), nil
}
