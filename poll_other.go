// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !linux && !darwin && !freebsd && !solaris

package selectors

import "golang.org/x/sys/unix"

// pollRDHUP is poll's bit for a peer that sends nothing more, which these systems
// don't have.
const pollRDHUP = 0

// tellsHangup reports whether the running kernel knows pollRDHUP.
func tellsHangup() bool { return false }

// pollFd returns what to ask poll for, or an error for what it can't wait for.
func pollFd(fd int, events EventMask) (unix.PollFd, error) {
	return newPollFd(fd, events), checkOpen(fd)
}
