// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"sync"

	"golang.org/x/sys/unix"
)

// What x/sys lacks, from sys/event.h.
const (
	userFilter  = 8 // EVFILT_USER: since NetBSD 10
	noteTrigger = 0x01000000

	// NetBSD has no filter for urgent data. 0 is EVFILT_READ here, and so is
	// never asked for.
	exceptFilter = 0
	noteOOB      = 0
)

const (
	// deafPipes is how a pipe's write end is opened. When the reader goes while
	// the pipe is full, the filter for writing is not told, but the one for
	// reading is (pipeclose wakes both before it marks the end that
	// filt_pipewrite looks at).
	deafPipes = unix.O_WRONLY

	// devicesEnd: the filters of terminals tell of their end. These don't
	// (filt_ttyread, filt_ttywrite), but for the one for reading of a
	// pseudoterminal's master (filt_ptcread).
	devicesEnd = false
)

// fifosEnd reports whether the filters of FIFOs tell of their end. Before NetBSD 10
// the one for writing looks at the wrong socket, which can't be written to: it is
// ready at once, with EV_EOF, for ever (fifo_kqfilter in miscfs/fifofs/fifo_vnops.c).
var fifosEnd = sync.OnceValue(func() bool {
	version, err := unix.SysctlUint32("kern.osrevision")
	return err != nil || version >= 1000000000
})

// deafToClose reports whether a socket's filter for writing isn't told when the
// peer closes.
func deafToClose(int) bool { return false }

// clockMonotonic is CLOCK_MONOTONIC of sys/time.h, which x/sys lacks here.
const clockMonotonic = 3
