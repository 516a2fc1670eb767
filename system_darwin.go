// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

// macOS has no accept4. Its poll fails for much that is no socket, which select
// serves.

const (
	sockCloexec      = 0 // for accept4
	pipeBuf          = 512
	msgDontwait      = unix.MSG_DONTWAIT
	termiosGet       = unix.TIOCGETA
	pollPacketsEnd   = 0
	nowServesDevices = false
)

var (
	accept4           func(fd, flags int) (int, unix.Sockaddr, error)
	recvNow, sendNow  = recvMsg, sendMsg
	readNow, writeNow func(fd int, p []byte) (int, error)

	// isReady asks select: poll calls /dev/tty POLLNVAL, knows no end of a FIFO, and
	// calls one writable that has room for a single byte (the filters of spec_vnops.c
	// and vfs_vnops.c).
	isReady = selectReady
)

// refuses reports whether a call fails at once, always: a kqueue can't be read,
// and poll says that it isn't ready. kevent serves kqueues alone, and with no room
// for events it returns at once.
func refuses(fd int, _ EventMask) bool {
	_, err := unix.Kevent(fd, nil, nil, new(unix.Timespec))
	return err == nil
}
