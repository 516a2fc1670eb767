// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const pipeBuf = 4096

// recvNow and sendNow can't sleep, so the scheduler need not be told of them, unless
// there is much to copy.
const much = 1 << 16

func recvNow(fd int, p []byte) (int, error) {
	for {
		var n uintptr
		var errno unix.Errno
		if len(p) < much {
			n, _, errno = unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
		} else {
			n, _, errno = unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
		}
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

func sendNow(fd int, p []byte) (int, error) {
	for {
		var n uintptr
		var errno unix.Errno
		if len(p) < much {
			n, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		} else {
			n, _, errno = unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		}
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// rwfNosignal is RWF_NOSIGNAL, which came with Linux 6.18: no SIGPIPE.
const rwfNosignal = 0x100

// noPwritev2 remembers that the system doesn't have it.
var noPwritev2 atomic.Bool

// readNow reads by preadv2, whose RWF_NOWAIT serves sockets, and pipes since
// Linux 6.4, in one call whatever mode they are in. EOPNOTSUPP says that it
// can't be had here.
//
// It waits for nobody's data. But it takes the pipe's mutex (pipe_read), under
// which whoever is at the other end copies out of memory that may have to be
// fetched from a slow disk or driver first. So the scheduler is told.
func readNow(fd int, p []byte) (int, error) {
	if !hasPreadv2 {
		return 0, unix.EOPNOTSUPP
	}
	vec := unix.Iovec{Base: unsafe.SliceData(p)}
	vec.SetLen(len(p))
	var n uintptr
	errno := unix.EINTR
	for errno == unix.EINTR {
		n, _, errno = unix.Syscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&vec)), 1, ^uintptr(0), ^uintptr(0), unix.RWF_NOWAIT)
	}
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN:
		if isRegular(fd) {
			return readFile(fd, p) // it is not in memory
		}
	case unix.ENOSYS, unix.EPERM, unix.EACCES, unix.EINVAL:
		errno = unix.EOPNOTSUPP // a filter, or read has a word to say
	}
	return 0, errno
}

func writeNow(fd int, p []byte) (int, error) {
	if !hasPreadv2 || noPwritev2.Load() || len(p) == 0 {
		return 0, unix.EOPNOTSUPP
	}
	vec := unix.Iovec{Base: unsafe.SliceData(p)}
	vec.SetLen(len(p))
	var n uintptr
	errno := unix.EINTR
	for errno == unix.EINTR {
		n, _, errno = unix.Syscall6(unix.SYS_PWRITEV2, uintptr(fd), uintptr(unsafe.Pointer(&vec)), 1, ^uintptr(0), ^uintptr(0), unix.RWF_NOWAIT|rwfNosignal)
	}
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN:
		if isRegular(fd) {
			return writeFile(fd, p)
		}
	case unix.ENOSYS, unix.EPERM, unix.EACCES, unix.EINVAL:
		errno = unix.EOPNOTSUPP
	}
	if errno == unix.EOPNOTSUPP {
		// A socket takes all flags that the system knows.
		if _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
			noPwritev2.Store(true)
		}
	}
	return 0, errno
}

// queued returns how many bytes a terminal has, 0 if that can't be told.
func queued(fd int) int {
	n, _ := unix.IoctlGetUint32(fd, unix.TIOCINQ)
	return int(min(n, most))
}

// isRegular reports whether a descriptor is of a file that is always ready.
func isRegular(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	kind := st.Mode & unix.S_IFMT
	return kind == unix.S_IFREG || kind == unix.S_IFBLK
}

func acceptOne(listener int) (int, error) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	return fd, err
}

// files has a bit for each descriptor, by the lower bits of its number, that was no
// socket when it was last seen. It is a guess, by which either kind takes one call:
// where it is wrong, readNow and writeNow do for sockets as well, or refuse.
var files [128]atomic.Uint32

func guessFile(fd int) bool {
	return files[fd/32%len(files)].Load()>>(fd%32)&1 != 0
}

func noteFile(fd int, file bool) {
	if bit := uint32(1) << (fd % 32); file == guessFile(fd) {
		return
	} else if file {
		files[fd/32%len(files)].Or(bit)
	} else {
		files[fd/32%len(files)].And(^bit)
	}
}
