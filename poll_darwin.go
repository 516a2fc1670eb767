// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// pollRDHUP is poll's bit for a peer that sends nothing more, which macOS doesn't
// have.
const pollRDHUP = 0

// tellsHangup reports whether the running kernel knows pollRDHUP.
func tellsHangup() bool { return false }

// pollFd returns what to ask poll for, or an error for what it can't wait for.
//
// macOS makes its poll of the filters of kqueue: what they don't take it calls
// POLLNVAL, as it does a closed descriptor (poll_nocancel in sys_generic.c), and
// they don't tell of a FIFO's end.
func pollFd(fd int, events EventMask) (unix.PollFd, error) {
	p := [1]unix.PollFd{newPollFd(fd, events)}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return p[0], os.NewSyscallError("fstat", err)
	}
	refused := st.Mode&unix.S_IFMT == unix.S_IFIFO && !fifosEnd() && st.Dev != 0
	if !refused {
		if _, _, err := pollWait(p[:], 0); err != nil {
			return p[0], err
		}
		refused = p[0].Revents&unix.POLLNVAL != 0
	}
	if refused {
		return p[0], fmt.Errorf("%w; SelectSelector may be able to wait for it", os.NewSyscallError("poll", unix.EINVAL))
	}
	p[0].Revents = 0
	return p[0], nil
}
