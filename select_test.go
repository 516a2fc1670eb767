// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"math"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestSelectIsLevelTriggered(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		now(t, s)
		send(t, b)
		send(t, b)
		for range 3 {
			soon(t, s, Ready{key, EventRead})
		}
		for range 3 {
			now(t, s, Ready{key, EventRead})
		}
		receive(t, a)
		soon(t, s, Ready{key, EventRead})
		receive(t, a)
		now(t, s)
		idle(t, s)
	})
}

func TestSelectReturnsEachKeyOnceWithReadAndWriteTogether(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead|EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		send(t, b)
		soon(t, s, Ready{key, EventRead | EventWrite})
		now(t, s, Ready{key, EventRead | EventWrite})
		receive(t, a)
		now(t, s, Ready{key, EventWrite})
	})
}

func TestTheMaskHasNoBitThatWasNotAskedFor(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		send(t, b)
		key := register(t, s, a, EventRead, nil)
		soon(t, s, Ready{key, EventRead})
		key = modify(t, s, a, EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		b.Close() // hang-up and error count as what was asked for
		for _, events := range []EventMask{EventRead, EventWrite, EventRead | EventWrite} {
			key = modify(t, s, a, events, nil)
			ready, err := s.Select(hang)
			if err != nil || len(ready) != 1 || ready[0].Key != key {
				t.Fatalf("Select = %v, %v", format(ready), err)
			}
			if extra := ready[0].Events &^ events; extra != 0 || ready[0].Events == 0 {
				t.Errorf("asked for %v, got %v", events, ready[0].Events)
			}
		}
	})
}

func TestSelectReturnsEveryReadyDescriptorInOneCall(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var want []Ready
		conns := writables(t, many+many/10)
		for i, c := range conns[:many] {
			events := EventWrite
			if i%3 == 0 {
				events |= EventRead
			}
			want = append(want, Ready{register(t, s, c, events, i), EventWrite})
			if i%10 == 0 {
				register(t, s, conns[many+i/10], EventRead, "idle")
			}
			if n := len(want); n == 63 || n == 64 || n == 65 || n == 128 {
				soon(t, s, want...)
			}
		}
		soon(t, s, want...)
		now(t, s, want...)
		for len(want) > many/2 {
			unregister(t, s, want[0].Key.FileObj)
			want = want[1:]
		}
		now(t, s, want...)
	})
}

func TestABlockedSelectReturnsEveryReadyDescriptorInOneCall(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		conns := writables(t, many)
		c := startSelect(s, Forever)
		want := make(map[*SelectorKey]bool)
		for _, conn := range conns {
			want[register(t, s, conn, EventWrite, nil)] = true
		}
		a := end(t, c)
		if a.err != nil || len(a.ready) == 0 {
			t.Fatalf("Select = %v, %v", format(a.ready), a.err)
		}
		seen := make(map[*SelectorKey]bool)
		for _, r := range a.ready {
			if seen[r.Key] || !want[r.Key] || r.Events != EventWrite {
				t.Errorf("%v", format([]Ready{r}))
			}
			seen[r.Key] = true
		}
	})
}

func TestTimeoutIsWaitedForAtLeast(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s Selector) {
		check := func(timeout time.Duration) {
			t.Helper()
			begin := time.Now()
			ready, err := s.Select(timeout)
			took := time.Since(begin)
			if err != nil || len(ready) != 0 {
				t.Fatalf("Select(%v) = %v, %v", timeout, format(ready), err)
			}
			if took < timeout {
				t.Errorf("Select(%v) took %v", timeout, took)
			}
		}
		for range 2 {
			for _, timeout := range []time.Duration{1, 999, time.Microsecond, 1001, 100 * time.Microsecond, 999_999,
				time.Millisecond, 1_000_001, 1_500_000, 2_000_001, 2_999_999, 15 * time.Millisecond, 20_400_000} {
				check(timeout)
			}
			for i := range 20 {
				check(time.Duration(i) * 137_137)
			}
			// With something registered as with nothing.
			a, _ := tcpPair(t)
			register(t, s, a, EventRead, nil)
		}
	})
}

func TestTimeoutOfZeroOrLessDoesNotBlock(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		for _, registered := range []bool{false, true} {
			if registered {
				register(t, s, a, EventRead, nil)
			}
			for _, timeout := range []time.Duration{0, -1, -time.Millisecond, -time.Hour, math.MinInt64} {
				within(t, "Select", func() {
					if ready, err := s.Select(timeout); len(ready) != 0 || err != nil {
						t.Errorf("Select(%v) = %v, %v", timeout, format(ready), err)
					}
				})
			}
		}
		key := register(t, s, writable(t), EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		for _, timeout := range []time.Duration{0, -1, -time.Hour, math.MinInt64} {
			if ready, err := s.Select(timeout); err != nil || !same(ready, []Ready{{key, EventWrite}}) {
				t.Errorf("Select(%v) = %v, %v", timeout, format(ready), err)
			}
		}
	})
}

func TestForeverAndTheLargestTimeoutsBlock(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		timeouts := []time.Duration{Forever, Forever - 1, 1 << 62, 292 * 365 * 24 * time.Hour, 1 << 32 * time.Second,
			1<<31*time.Second - 1, 1 << 31 * time.Second, 1 << 32 * time.Millisecond, 1<<31*time.Millisecond - 1,
			1 << 31 * time.Millisecond, 1<<31*time.Microsecond - 1, 1 << 32 * time.Microsecond, 25 * time.Hour}
		for _, nothing := range []bool{true, false} {
			if !nothing {
				a, _ := tcpPair(t)
				register(t, s, a, EventRead, nil)
			}
			var waits []func() ([]Ready, error)
			for _, timeout := range timeouts {
				waits = append(waits, func() ([]Ready, error) {
					ready, err := s.Select(timeout)
					if err != nil {
						err = fmt.Errorf("Select(%v): %w", timeout, err)
					}
					return ready, err
				})
			}
			c := start(s, waits...)
			stillBlocked(t, c)
			for range timeouts {
				if err := s.Wakeup(); err != nil {
					t.Fatal(err)
				}
				wants(t, end(t, c))
			}
			s.Select(0) // takes the Wakeup that nobody may have been there for
		}
	})
}

func TestWithNothingRegisteredSelectWaitsAllTheSame(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		idle(t, s)
		c := writable(t)
		register(t, s, c, EventWrite, nil)
		unregister(t, s, c)
		idle(t, s)
		blocked := startSelect(s, Forever)
		stillBlocked(t, blocked)
		key := register(t, s, c, EventWrite, nil)
		wants(t, end(t, blocked), Ready{key, EventWrite})
	})
}

func TestTheReturnedSliceIsTheCallers(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		key := register(t, s, writable(t), EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		first, err := s.Select(hang)
		if err != nil || len(first) != 1 {
			t.Fatalf("Select = %v, %v", format(first), err)
		}
		first[0] = Ready{nil, 0x40}
		other := register(t, s, writable(t), EventWrite, nil)
		soon(t, s, Ready{key, EventWrite}, Ready{other, EventWrite})
		if first[0] != (Ready{nil, 0x40}) {
			t.Errorf("it was written to: %+v", first[0])
		}
	})
}

func TestUrgentDataAndOrdinaryDataAreToldApart(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		urgent, err := s.Register(a, EventPriority, nil)
		if errors.Is(err, errors.ErrUnsupported) {
			// KqueueSelector on FreeBSD and NetBSD.
			if urgent != nil || s.GetMap().Len() != 0 {
				t.Errorf("Register leaves %v behind", urgent)
			}
			key := register(t, s, a, EventWrite, nil)
			if _, err := s.Modify(a, EventRead|EventPriority, nil); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("Modify: %v", err)
			}
			if got, err := s.GetKey(a); got != key || err != nil {
				t.Errorf("GetKey = %v, %v", got, err)
			}
			soon(t, s, Ready{key, EventWrite})
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		c, d := tcpPair(t)
		both := register(t, s, c, EventRead|EventPriority, nil)
		send(t, b)
		send(t, d)
		soon(t, s, Ready{both, EventRead}) // ordinary data is not urgent
		receive(t, a)
		receive(t, c)
		now(t, s)

		sendUrgent(t, b)
		soon(t, s, Ready{urgent, EventPriority})
		sendUrgent(t, d)
		soon(t, s, Ready{urgent, EventPriority}, Ready{both, EventPriority})
		modify(t, s, a, EventRead, nil) // urgent data is not ordinary
		modify(t, s, c, EventRead, nil)
		now(t, s)
		idle(t, s)
	})
}

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

// The system's word is taken for it that a timeout is over, but for endsEarly. Where
// it counts coarser than a Duration does, only the rounding up keeps a wait from
// ending early.

func TestCeilRoundsUp(t *testing.T) {
	for _, unit := range []time.Duration{time.Microsecond, time.Millisecond} {
		for _, tt := range []struct {
			d    time.Duration
			want int64
		}{
			{-unit, 0}, {-1, 0}, {0, 0}, {1, 1}, {unit - 1, 1}, {unit, 1}, {unit + 1, 2}, {2 * unit, 2},
			{maxWait - 1, int64(maxWait / unit)}, {maxWait, int64(maxWait / unit)}, {Forever, int64(Forever/unit) + 1},
		} {
			if got := ceil(tt.d, unit); got != tt.want {
				t.Errorf("ceil(%d, %v) = %d, want %d", tt.d, unit, got, tt.want)
			}
		}
	}
}

// roundedUp checks waits of fractions of the units that systems count in, by a
// clock that is finer.
func roundedUp(t *testing.T, s Selector) {
	t.Helper()
	for _, unit := range []time.Duration{time.Microsecond, 10 * time.Microsecond, time.Millisecond} {
		for i := range time.Duration(10) {
			timeout := unit + (2*i+1)*unit/20
			begin := monotonic()
			ready, err := s.Select(timeout)
			if took := monotonic() - begin; err != nil || len(ready) != 0 || took < timeout {
				t.Errorf("Select(%v) = %v, %v after %v", timeout, format(ready), err, took)
			}
		}
	}
}

func TestFractionsOfTheSystemsUnitAreWaitedFor(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		t.Parallel()
		register(t, s, writable(t), EventRead, nil)
		roundedUp(t, s)
	})
}

// A look asks the system about all that is registered, with the core's mutex
// held: a change must not make each of many waits do that.
func TestAChangeMakesNoWaitLook(t *testing.T) {
	const waits, changes = 10, 20
	each(t, func(t *testing.T, s Selector) {
		t.Parallel()
		b := observe(s)
		extra := writable(t)
		c := startSelects(s, Forever, waits)
		looks := b.looks.Load()
		for range changes {
			register(t, s, extra, EventRead, nil)
			eventually("the waits are back", func() bool { return !up(s) && blocked(s) == waits })
			unregister(t, s, extra)
			eventually("the waits are back", func() bool { return !up(s) && blocked(s) == waits })
		}
		if n := b.looks.Load() - looks; n != 0 {
			t.Errorf("%d looks of %d waits beside %d changes", n, waits, 2*changes)
		}
		stillBlocked(t, c)
	})
}

// AppendReady needs room for what it reports, and for nothing else.
func TestAppendReadyFillsTheRoomThatThereIs(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		for n := 1; n <= 3; n++ {
			c, peer := tcpPair(t)
			send(t, peer)
			register(t, s, c, EventRead|EventWrite, nil)
			eventually("all are ready for both", func() bool {
				ready, err := s.Select(0)
				both := 0
				for _, r := range ready {
					if r.Events == EventRead|EventWrite {
						both++
					}
				}
				return err == nil && both == n
			})
			dst := make([]Ready, 0, n)
			ready, err := s.AppendReady(dst, 0)
			if err != nil || len(ready) != n {
				t.Fatal(format(ready), err)
			}
			if &ready[0] != &dst[:1][0] {
				t.Errorf("with %d ready, and room for as many, the answer is in another array", n)
			}
			if allocs := testing.AllocsPerRun(50, func() { s.AppendReady(dst, 0) }); allocs != 0 {
				t.Errorf("with %d ready, and room for as many: %v allocations", n, allocs)
			}
		}
	})
}
