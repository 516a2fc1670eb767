// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"os"

	"golang.org/x/sys/unix"
)

// pollFd returns what to ask poll for, or an error for what it can't wait for.
//
// Only sockets know POLLRDHUP. Of many others it makes POLLNVAL, as regular
// files (poll_no_poll); pipes and terminals tell of their end unasked.
func pollFd(fd int, events EventMask) (unix.PollFd, error) {
	p := newPollFd(fd, events)
	if events&EventHangup == 0 {
		return p, checkOpen(fd)
	}
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		p.Events &^= pollRDHUP
	}
	return p, os.NewSyscallError("fstat", err)
}
