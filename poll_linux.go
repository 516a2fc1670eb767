// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

// pollRDHUP is poll's bit for a peer that sends nothing more.
const pollRDHUP = unix.POLLRDHUP

// tellsHangup reports whether the running kernel knows pollRDHUP.
func tellsHangup() bool { return true }

// pollFd returns what to ask poll for, or an error for what it can't wait for.
func pollFd(fd int, events EventMask) (unix.PollFd, error) {
	return newPollFd(fd, events), checkOpen(fd)
}
