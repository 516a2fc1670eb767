// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"math"
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
