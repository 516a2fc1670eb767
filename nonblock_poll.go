// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !darwin

package selectors

import "golang.org/x/sys/unix"

// pollNow reports whether a read or write won't block, or whether it will fail.
func pollNow(fd int, events EventMask) bool {
	p := [1]unix.PollFd{newPollFd(fd, events)}
	n, _, err := pollWait(p[:], 0)
	return n != 0 || err != nil
}
