// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"sync"

	"golang.org/x/sys/unix"
)

const (
	userFilter  = unix.EVFILT_USER
	noteTrigger = unix.NOTE_TRIGGER

	// FreeBSD has no filter for urgent data.
	exceptFilter = 0
	noteOOB      = 0

	// deafPipes is how a pipe's write end is opened where the kernel doesn't tell
	// its filter for writing of the reader's end while the pipe is full.
	deafPipes = -1 // it does

	// devicesEnd: the filters of terminals tell of their end.
	devicesEnd = true
)

// fifosEnd reports whether the filters of FIFOs tell of their end.
func fifosEnd() bool { return true }

// deafToClose reports whether a socket's filter for writing isn't told when the
// peer closes. That is so since FreeBSD 15 for connected unix sockets: the close
// notes the knotes for reading alone (unp_soisdisconnected in uipc_usrreq.c).
func deafToClose(fd int) bool {
	if !deafUnixSockets() {
		return false
	}
	name, err := unix.Getsockname(fd)
	_, ok := name.(*unix.SockaddrUnix)
	return ok || err != nil // to be sure
}

var deafUnixSockets = sync.OnceValue(func() bool {
	release, err := unix.SysctlUint32("kern.osreldate")
	return err != nil || release >= 1500000
})
