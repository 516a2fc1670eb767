// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

// pollNow reports whether a read or write won't block, or whether it will fail.
//
// It asks by select, as far as that goes: poll calls /dev/tty POLLNVAL, knows no
// end of a FIFO, and calls one writable that has room for a single byte
// (filt_fifowrite's and vnode filters in vfs_vnops.c).
func pollNow(fd int, events EventMask) bool {
	if fd >= fdSetSize {
		p := [1]unix.PollFd{newPollFd(fd, events)}
		n, _, err := pollWait(p[:], 0)
		return n != 0 || err != nil
	}
	for {
		var read, write unix.FdSet
		if events&EventRead != 0 {
			read.Set(fd)
		}
		if events&EventWrite != 0 {
			write.Set(fd)
		}
		n, err := unix.Select(fd+1, &read, &write, nil, new(unix.Timeval))
		if err != unix.EINTR {
			return n != 0 || err != nil
		}
	}
}
