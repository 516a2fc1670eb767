// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build dragonfly || netbsd || openbsd

package selectors

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic returns the time on a clock of the system's that nobody sets. These
// systems end a wait early, and time.Now stands still in a testing/synctest bubble
// while a system call waits.
func monotonic() time.Duration {
	var now unix.Timespec
	unix.ClockGettime(clockMonotonic, &now)
	return time.Duration(now.Nano())
}
