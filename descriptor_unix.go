// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"math"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// slotShift makes a slot in the table of a descriptor.
const slotShift = 0

func validNumber(n int64) bool {
	return 0 <= n && n <= math.MaxInt32
}

// checkOpen returns EBADF for a descriptor that is not open, where the system
// call that watches it would notice that too late. On Linux one that only names
// a file (O_PATH) can't be waited for and counts as such, as it does for epoll.
func checkOpen(fd int) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err == nil && flags&oPath != 0 {
		err = unix.EBADF
	}
	return os.NewSyscallError("fcntl", err)
}

// aboveStandard moves a descriptor of the selector's own out of the place of
// standard input, output and error: whatever is printed there would end up in
// it. Where it fails it has closed it.
func aboveStandard(fd int) (int, error) {
	if fd > 2 {
		return fd, nil
	}
	above, err := duplicate(fd, 3)
	unix.Close(fd)
	return above, err
}

// duplicate returns another descriptor of the same file, of the lowest number
// that is free and at least least.
func duplicate(fd, least int) (int, error) {
	syscall.ForkLock.RLock() // for AIX
	defer syscall.ForkLock.RUnlock()
	other, err := unix.FcntlInt(uintptr(fd), fcntlDup, least)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	unix.CloseOnExec(other)
	return other, nil
}

// isOpenSocket reports whether a descriptor is a socket's.
func isOpenSocket(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil
}

// pollStops: these kernels make their poll of kqueue, and where a descriptor is
// refused they look at no other (kern_kevent, poll_nocancel).
const pollStops = runtime.GOOS == "dragonfly" || runtime.GOOS == "darwin" || runtime.GOOS == "ios"
