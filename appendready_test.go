// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestAppendReadyAppendsToTheCallersSlice(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var want []Ready
		for _, c := range writables(t, many) {
			want = append(want, Ready{register(t, s, c, EventWrite, nil), EventWrite})
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
	t.Parallel()
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		other := writable(t)
		change := func() {
			register(t, s, other, EventRead, nil)
			unregister(t, s, other)
		}
		none := func() {}
		for _, tt := range []struct {
			name    string
			before  func()
			timeout time.Duration
			during  func() // nil if the wait does not block
			others  int    // waits beside it: who comes out first finds what wakes them
			err     error
		}{
			{"nothing ready", none, 0, nil, 0, nil},
			{"the timeout over", none, time.Millisecond, none, 0, nil},
			{"changes during the wait", none, settle, change, 0, nil},
			{"a Wakeup before", func() { wakeup(t, s) }, Forever, nil, 0, nil},
			{"a Wakeup during the wait", none, Forever, func() { wakeup(t, s) }, 0, nil},
			{"a Wakeup during several waits", none, Forever, func() { wakeup(t, s) }, 8, nil},
			{"closed during the wait", none, Forever, func() { s.Close() }, 0, ErrClosed},
			{"closed", none, Forever, nil, 0, ErrClosed},
		} {
			for _, dst := range [][]Ready{nil, {}, {{key, EventRead}}, make([]Ready, 1, 10), make([]Ready, 0, 10)} {
				if tt.err != nil && dst == nil {
					continue // closed with the first
				}
				tt.before()
				other := func() ([]Ready, error) { return s.Select(Forever) }
				var got []Ready
				var err error
				wait := func() ([]Ready, error) {
					got, err = s.AppendReady(dst, tt.timeout)
					return nil, nil
				}
				begin := time.Now()
				c := start(s, append(slices.Repeat([]func() ([]Ready, error){other}, tt.others), wait)...)
				if tt.during != nil {
					if open := s.GetMap() != nil; open && tt.timeout == Forever && len(c) > 0 {
						t.Errorf("%s: a wait ended before", tt.name)
					}
					tt.during()
				}
				// A Wakeup ends at least one of several, in no promised order.
				for range tt.others {
					end(t, c)
					wakeup(t, s)
				}
				end(t, c)
				if took := time.Since(begin); tt.timeout != Forever && took < tt.timeout {
					t.Errorf("%s: it took %v, less than %v", tt.name, took, tt.timeout)
				}
				if !errors.Is(err, tt.err) {
					t.Errorf("%s: %v", tt.name, err)
				}
				if (got == nil) != (dst == nil) || len(got) != len(dst) || cap(got) != cap(dst) ||
					cap(dst) > 0 && &got[:1][0] != &dst[:1][0] {
					t.Errorf("%s: not dst itself: %d of %d, want %d of %d", tt.name, len(got), cap(got), len(dst), cap(dst))
				}
				if tt.others > 0 {
					s.Select(0) // takes the Wakeup that nobody may have been there for
				}
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
		for _, c := range writables(t, many) {
			conns = append(conns, c)
			register(t, s, c, EventWrite, nil)
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
			const runs = 200
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
