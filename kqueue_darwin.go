// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

const (
	userFilter   = unix.EVFILT_USER
	noteTrigger  = unix.NOTE_TRIGGER
	exceptFilter = unix.EVFILT_EXCEPT
	noteOOB      = unix.NOTE_OOB

	// deafPipes is how a pipe's write end is opened where the kernel doesn't tell
	// its filter for writing of the reader's end while the pipe is full.
	deafPipes = -1 // it does

	// devicesEnd: the filters of terminals tell of their end.
	devicesEnd = true
)

// fifosEnd reports whether the filters of FIFOs tell of their end. Here a FIFO is
// a vnode as any other (filt_vnode_common); golang/go#24164.
func fifosEnd() bool { return false }

// deafToClose reports whether a socket's filter for writing isn't told when the
// peer closes.
func deafToClose(int) bool { return false }
