// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Linux has nanoseconds for all selectors. Before 5.11 epoll counts in
// milliseconds, and where there is no descriptor for an alarm poll does, and
// select in microseconds.
func TestFractionsAreWaitedForWhereLinuxCountsCoarsely(t *testing.T) {
	before := noPwait2.Swap(true)
	defer noPwait2.Store(before)
	for _, tt := range linuxSelectors {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, tt)
			r, _ := pipe(t)
			register(t, s, r.fd, EventRead, nil)
			takeAll(t, r)
			roundedUp(t, s)
			shortWaitsSleep(t, s)
		})
	}
}

// A call of the system takes longer than a microsecond, so that no clock shows
// whether one was rounded down. But a wait of no time doesn't sleep, which is what
// gives the CPU up.
func shortWaitsSleep(t *testing.T, s Selector) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sleeps := func() int64 {
		var usage unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
			t.Fatal(err)
		}
		return int64(usage.Nvcsw)
	}
	before := sleeps()
	unix.Nanosleep(&unix.Timespec{Nsec: 1_000_000}, nil)
	if sleeps() == before {
		t.Log("this system doesn't count how often a thread sleeps")
		return
	}
	w := s.(backend)
	for _, timeout := range []time.Duration{1, 999} {
		if ready, err := w.look(nil); err != nil || len(ready) != 0 {
			t.Fatal(format(ready), err)
		}
		before = sleeps()
		for range 20 {
			if err := w.prepare(); err != nil {
				t.Fatal(err)
			}
			if _, err := w.wait(timeout); err != nil {
				t.Fatal(err)
			}
		}
		if sleeps() == before {
			t.Errorf("20 waits of %v, none of which slept", timeout)
		}
	}
}
