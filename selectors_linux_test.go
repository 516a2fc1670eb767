// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

var selectorsUnderTest = []selectorUnderTest{
	{"EpollSelector", generic(NewEpollSelector)},
	{"PollSelector", generic(NewPollSelector)},
	{"SelectSelector", generic(NewSelectSelector)},
	{"model of /dev/poll", openDevpollModel},
	{"model of an old /dev/poll", openOldDevpollModel},
}

var (
	_ func() (*EpollSelector, error) = NewEpollSelector
	_ Selector                       = (*EpollSelector)(nil)
	_ interface{ Fd() uintptr }      = (*EpollSelector)(nil)
)

// sendSignal sends a signal to every thread of the process.
func sendSignal(sig unix.Signal) {
	threads, _ := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		if tid, err := strconv.Atoi(thread.Name()); err == nil {
			unix.Tgkill(os.Getpid(), tid, sig)
		}
	}
}
