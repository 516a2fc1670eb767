// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Linux has a flag that keeps one call from blocking, for sockets (MSG_DONTWAIT)
// and for much else (RWF_NOWAIT). It needs the scheduler told all the same: a
// socket's or pipe's lock is held while somebody copies out of memory that may
// have to be fetched from a disk, a driver, or another process.
//
// Android's seccomp filters kill who makes a system call that is not in bionic.

var constructors = []func() (Selector, error){
	generic(NewEpollSelector), generic(NewPollSelector), generic(NewSelectSelector),
}

const (
	hasPwait2  = runtime.GOOS != "android" // not in Android 13 and 14; older kernels and filters refuse it
	hasPreadv2 = runtime.GOOS != "android" // not before Android 13; pwritev2 likewise

	endsEarly      = false
	clockMonotonic = unix.CLOCK_MONOTONIC

	// What poll is like.
	pollRDHUP      = unix.POLLRDHUP
	asksRDHUP      = false
	socketsRDHUP   = false
	pollStops      = false
	pollRefuses    = false
	pollPacketsEnd = unix.POLLRDHUP

	// What descriptors are like.
	fcntlDup    = unix.F_DUPFD_CLOEXEC
	oPath       = unix.O_PATH
	sockCloexec = unix.SOCK_CLOEXEC // for accept4
	pipeBuf     = 4096
	msgDontwait = unix.MSG_DONTWAIT
	termiosGet  = unix.TCGETS

	// nowServesDevices: terminals have no RWF_NOWAIT, so devices aren't asked.
	nowServesDevices = false
)

var (
	eventfd = unix.Eventfd
	pipe2   = unix.Pipe2
	accept4 = unix.Accept4
	isReady = pollReady
)

func clockGettime(clock int32, now *unix.Timespec) error { return unix.ClockGettime(clock, now) }

func recvNow(fd int, p []byte) (int, error) {
	return result(unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0))
}

func sendNow(fd int, p []byte) (int, error) {
	return result(unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0))
}

func result(n, _ uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// readNow and writeNow serve pipes from Linux 6.4 on, eventfds, timerfds and the
// like. FIFOs and inotify don't know the flag.
func readNow(fd int, p []byte) (int, error)  { return vectorNow(unix.SYS_PREADV2, fd, p) }
func writeNow(fd int, p []byte) (int, error) { return vectorNow(unix.SYS_PWRITEV2, fd, p) }

func vectorNow(call uintptr, fd int, p []byte) (int, error) {
	if !hasPreadv2 {
		return 0, unix.EOPNOTSUPP
	}
	vec := unix.Iovec{Base: unsafe.SliceData(p)}
	vec.SetLen(len(p))
	const here = ^uintptr(0) // no offset
	n, err := result(unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&vec)), 1, here, here, unix.RWF_NOWAIT))
	switch err {
	case unix.ENOSYS, unix.EPERM, unix.EACCES, unix.EINVAL:
		err = unix.EOPNOTSUPP // a filter says so, or read has a word to say
	}
	return n, err
}

// refuses reports whether a call fails at once, always: an epoll set can't be
// read, nor a timerfd be written to, and poll says of both that they aren't ready.
// An empty vector reaches no driver; what the file can't do is said before
// (vfs_readv, vfs_writev).
func refuses(fd int, events EventMask) bool {
	vector := unix.Readv
	if events == EventWrite {
		vector = unix.Writev
	}
	_, err := vector(fd, nil)
	return err == unix.EINVAL || err == unix.EBADF
}
