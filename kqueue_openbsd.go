// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

const (
	// Most OpenBSDs have no EVFILT_USER. This is refused with EINVAL.
	userFilter  = 0
	noteTrigger = 0

	exceptFilter = unix.EVFILT_EXCEPT
	noteOOB      = unix.NOTE_OOB

	// deafPipes is how a pipe's write end is opened. When the reader goes while
	// the pipe is full, the filter for writing is not told, but the one for
	// reading is (pipe_destroy wakes the writer before it marks the end that
	// filt_pipewrite looks at).
	deafPipes = unix.O_RDWR

	// devicesEnd: the filters of terminals tell of their end.
	devicesEnd = true
)

// fifosEnd reports whether the filters of FIFOs tell of their end.
func fifosEnd() bool { return true }

// deafToClose reports whether a socket's filter for writing isn't told when the
// peer closes.
func deafToClose(int) bool { return false }

const clockMonotonic = unix.CLOCK_MONOTONIC
