// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestChangesTakeEffectInABlockedSelectAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		quiet, _ := tcpPair(t)
		register(t, s, quiet, EventRead, nil)

		// Register of what is ready, or becomes so.
		c := writable(t)
		blocked := startSelect(s, Forever)
		key := register(t, s, c, EventWrite, nil)
		wants(t, end(t, blocked), Ready{key, EventWrite})
		unregister(t, s, c)

		a, b := tcpPair(t)
		blocked = startSelect(s, Forever)
		key = register(t, s, a, EventRead, nil)
		stillBlocked(t, blocked)
		send(t, b)
		wants(t, end(t, blocked), Ready{key, EventRead})
		receive(t, a)

		// Modify.
		blocked = startSelect(s, Forever)
		key = modify(t, s, a, EventWrite, "new")
		wants(t, end(t, blocked), Ready{key, EventWrite})
		modify(t, s, a, EventRead, nil)
		blocked = startSelect(s, Forever)
		key = modify(t, s, a, EventRead, "data alone")
		send(t, b)
		wants(t, end(t, blocked), Ready{key, EventRead})
		receive(t, a)

		// Unregister.
		blocked = startSelect(s, Forever)
		unregister(t, s, a)
		send(t, b)
		stillBlocked(t, blocked)
		key = register(t, s, c, EventWrite, nil)
		wants(t, end(t, blocked), Ready{key, EventWrite})
	})
}

func TestChangesNeverWaitForABlockedSelectToEnd(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		b, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		c := startSelects(s, Forever, 3)
		within(t, "a change", func() {
			for range 10 {
				register(t, s, b, EventRead, nil)
				modify(t, s, a, EventRead|EventWrite, nil)
				modify(t, s, a, EventRead, nil)
				s.GetKey(a)
				for range s.GetMap().All() {
				}
				unregister(t, s, b)
			}
		})
		// The mask that was there for a moment may have ended some of them.
		within(t, "Close", func() { s.Close() })
		for range cap(c) {
			if a := end(t, c); a.err != nil && !errors.Is(a.err, ErrClosed) {
				t.Errorf("Select: %v", a.err)
			}
		}
	})
}

func TestAChangeThatMakesNothingReadyEndsNoWait(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		b, _ := tcpPair(t)
		blocked := startSelect(s, Forever)
		for range 10 {
			register(t, s, a, EventRead, nil)
			register(t, s, b, EventRead, nil)
			modify(t, s, a, EventRead, "new")
			unregister(t, s, a)
			unregister(t, s, b)
		}
		stillBlocked(t, blocked)
		wakeup(t, s)
		wants(t, end(t, blocked))

		// Nor is a timeout shortened by changes.
		begin := time.Now()
		const timeout = 5 * settle
		blocked = startSelect(s, timeout)
		for len(blocked) == 0 {
			register(t, s, a, EventRead, nil)
			unregister(t, s, a)
			time.Sleep(timeout / 50)
		}
		wants(t, end(t, blocked))
		if took := time.Since(begin); took < timeout {
			t.Errorf("a wait of %v took %v", timeout, took)
		}
	})
}

func TestAReadyDescriptorIsReportedToAtLeastOneOfSeveralWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const n = 4
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		for range 10 {
			c := startSelects(s, Forever, n)
			send(t, b)
			wants(t, end(t, c), Ready{key, EventRead})
			receive(t, a)
			// The others may have seen it, too, or sleep.
			for range n - 1 {
				wakeup(t, s)
				if a := end(t, c); a.err != nil {
					t.Fatal(a.err)
				}
			}
			s.Select(0)
		}
	})
}

func TestOnceUnregisterHasReturnedNoLaterSelectReportsTheKey(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		send(t, b)
		other := register(t, s, writable(t), EventWrite, nil)
		for range 100 {
			key := register(t, s, a, EventRead|EventWrite, nil)
			ready, err := s.Select(hang)
			if err != nil || len(ready) == 0 {
				t.Fatalf("Select = %v, %v", format(ready), err)
			}
			if unregister(t, s, a) != key {
				t.Error("another key")
			}
			now(t, s, Ready{other, EventWrite})
			again := register(t, s, a, EventWrite, nil)
			soon(t, s, Ready{other, EventWrite}, Ready{again, EventWrite})
			unregister(t, s, a)
		}
	})
}

func TestABlockedSelectDoesNotKeepOtherGoroutinesFromRunning(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		b := observe(s)
		// How often another one runs meanwhile is a matter of time as well. A wait
		// that kept it from running would be sent a signal by the runtime, and let
		// it run once before it went in again.
		begin := time.Now()
		for timeout := 4 * settle; ; timeout *= 2 {
			turns := b.turns.Load()
			var begun, ended atomic.Bool
			go func() {
				begun.Store(true)
				s.Select(timeout)
				ended.Store(true)
			}()
			for !begun.Load() {
				runtime.Gosched()
			}
			progress := int64(0)
			for !ended.Load() {
				progress++
				runtime.Gosched()
			}
			turns = b.turns.Load() - turns
			if progress >= 100*turns {
				return
			}
			if time.Since(begin) > hang {
				t.Fatalf("another goroutine ran %d times during a wait of %v, which went into the kernel %d times", progress, timeout, turns)
			}
		}
	})
}

// The runtime takes its time to find out that a goroutine is in a system call.
func TestOthersRunBeforeASelectBlocks(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		b := observe(s)
		const rounds = 100
		before := 0
		for range rounds {
			turns := b.turns.Load()
			first := make(chan bool, 1)
			go func() { first <- b.turns.Load() == turns }()
			s.Select(100 * time.Microsecond)
			if <-first {
				before++
			}
		}
		// The scheduler may come back to the wait first, but not as a rule.
		if before < rounds/2 {
			t.Errorf("another goroutine ran before %d waits of %d", before, rounds)
		}
	})
}
