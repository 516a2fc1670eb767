// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

// wontBlock is pollNow for what is no socket. It asks select, as far as that
// goes: poll calls /dev/tty POLLNVAL, knows no end of a FIFO, and calls one
// writable that has room for a single byte (the filters of spec_vnops.c and
// vfs_vnops.c).
func wontBlock(fd int, events EventMask) bool {
	if fd >= fdSetSize {
		return pollNow(fd, events)
	}
	for {
		var sets fdSets
		sets.set(fd, events)
		n, err := unix.Select(fd+1, &sets.read[0], &sets.write[0], nil, new(unix.Timeval))
		if err != unix.EINTR {
			return n != 0 || err != nil
		}
	}
}
