// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"net"
	"runtime"
	"testing"
	"time"
)

func TestAppendReadyAppendsToTheCallersSlice(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var want []Ready
		for range many {
			want = append(want, Ready{register(t, s, writable(t), EventWrite, nil), EventWrite})
		}
		soon(t, s, want...)
		// The prefix is kept, though it has the same keys, whatever fits into
		// the slice.
		dst, err := s.AppendReady(nil, 0)
		if err != nil || !same(dst, want) {
			t.Fatalf("AppendReady = %v, %v", format(dst), err)
		}
		for i := range dst {
			dst[i].Events = 0x40
		}
		for _, n := range []int{many, 1, many - 1, 3} {
			prefix := dst[:n:n]
			if n%2 == 1 {
				prefix = append(make([]Ready, 0, 3*many), prefix...)
			}
			got, err := s.AppendReady(prefix, hang)
			if err != nil || len(got) != n+many || !same(got[n:], want) {
				t.Fatalf("AppendReady of %d = %v, %v", n, format(got), err)
			}
			for i := range n {
				if got[i] != dst[i] {
					t.Errorf("element %d is %v", i, format(got[i:i+1]))
				}
			}
			if n%2 == 1 && &got[0] != &prefix[0] {
				t.Error("it fits, and has moved")
			}
		}
	})
}

func TestAppendReadyGivesBackDstItself(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		other := writable(t)
		wake := func() {
			if err := s.Wakeup(); err != nil {
				t.Error(err)
			}
		}
		var over chan struct{}
		wakeSeveral := func() {
			// Those who come out first find what wakes the others.
			over := over
			for range 8 {
				go s.Select(settle / 2)
			}
			go func() {
				for {
					select {
					case <-over:
						return
					case <-time.After(settle / 4):
						s.Wakeup()
					}
				}
			}()
		}
		change := func() {
			time.AfterFunc(settle/2, func() {
				s.Register(other, EventRead, nil)
				s.Unregister(other)
			})
		}
		for _, tt := range []struct {
			name    string
			before  func()
			timeout time.Duration
			err     error
		}{
			{"nothing ready", func() {}, 0, nil},
			{"the timeout over", func() {}, time.Millisecond, nil},
			{"changes during the wait", change, settle, nil},
			{"a Wakeup before", wake, Forever, nil},
			{"a Wakeup during the wait", func() { time.AfterFunc(settle, wake) }, Forever, nil},
			{"a Wakeup during several waits", wakeSeveral, Forever, nil},
			{"closed during the wait", func() { time.AfterFunc(settle, func() { s.Close() }) }, Forever, ErrClosed},
			{"closed", func() {}, Forever, ErrClosed},
		} {
			for _, dst := range [][]Ready{nil, {}, {{key, EventRead}}, make([]Ready, 1, 10), make([]Ready, 0, 10)} {
				if tt.err != nil && dst == nil {
					continue // closed with the first
				}
				over = make(chan struct{})
				tt.before()
				within(t, "AppendReady", func() {
					got, err := s.AppendReady(dst, tt.timeout)
					if !errors.Is(err, tt.err) {
						t.Errorf("%s: %v", tt.name, err)
					}
					if (got == nil) != (dst == nil) || len(got) != len(dst) || cap(got) != cap(dst) ||
						cap(dst) > 0 && &got[:1][0] != &dst[:1][0] {
						t.Errorf("%s: not dst itself: %d of %d, want %d of %d", tt.name, len(got), cap(got), len(dst), cap(dst))
					}
				})
				close(over)
			}
		}
	})
}

func TestAppendReadyAllocatesNothingOnceWarm(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var dst []Ready
		ready := func(timeout time.Duration) func() {
			return func() {
				var err error
				if dst, err = s.AppendReady(dst[:0], timeout); err != nil {
					t.Fatal(err)
				}
			}
		}
		check := func(what string, f func()) {
			t.Helper()
			f()
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s: %v allocations", what, n)
			}
		}
		a, b := tcpPair(t)
		register(t, s, a, EventRead, nil)
		check("nothing ready", ready(0))
		check("blocked", ready(100*time.Microsecond))
		send(t, b)
		check("something ready", ready(hang))
		receive(t, a)

		var conns []*net.TCPConn
		for range many {
			conns = append(conns, writable(t))
			register(t, s, conns[len(conns)-1], EventWrite, nil)
		}
		check("many ready", ready(Forever))

		// Descriptors come and go, at a constant number. What registering
		// allocates doesn't count.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		extra := writable(t)
		for _, timeout := range []time.Duration{0, 100 * time.Microsecond} {
			if timeout > 0 {
				for _, c := range conns {
					modify(t, s, c, EventRead, nil)
				}
			}
			f := ready(timeout)
			const runs = 500
			var before, after runtime.MemStats
			var total uint64
			for i := range 2 * runs {
				out, in := &conns[i%len(conns)], &extra
				key := unregister(t, s, *out)
				register(t, s, *in, key.Events, nil)
				*out, *in = *in, *out
				runtime.ReadMemStats(&before)
				f()
				runtime.ReadMemStats(&after)
				if i >= runs {
					total += after.Mallocs - before.Mallocs
				}
			}
			if total/runs != 0 {
				t.Errorf("%d allocations in %d calls of timeout %v, while descriptors come and go", total, runs, timeout)
			}
		}
	})
}
