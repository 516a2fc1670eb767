// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"os"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

var linuxSelectors = []selectorUnderTest{
	{"EpollSelector", generic(NewEpollSelector)},
	{"PollSelector", generic(NewPollSelector)},
	{"SelectSelector", generic(NewSelectSelector)},
}

// What Linux alone has, such as files that forget their event as soon as they
// are polled, is nothing for the model of /dev/poll. The model of an old one
// runs in devpoll_test.go, and through all tests on Solaris.
var selectorsUnderTest = append(slices.Clone(linuxSelectors),
	selectorUnderTest{"model of /dev/poll", openDevpollModel},
)

var (
	_ func() (*EpollSelector, error) = NewEpollSelector
	_ Selector                       = (*EpollSelector)(nil)
	_ interface{ Fd() uintptr }      = (*EpollSelector)(nil)
)

func init() {
	sendSignal = func(sig unix.Signal) { // to every thread
		threads, _ := os.ReadDir("/proc/self/task")
		for _, thread := range threads {
			if tid, err := strconv.Atoi(thread.Name()); err == nil {
				unix.Tgkill(os.Getpid(), tid, sig)
			}
		}
	}
}

// openFile opens a file that the Go runtime's poller does not get.
func openFile(t testing.TB, path string, flags int) *ownFD {
	t.Helper()
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	d := &ownFD{fd: fd}
	t.Cleanup(d.close)
	return d
}
