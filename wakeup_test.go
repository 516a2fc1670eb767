// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestWithNobodyBlockedTheNextWaitOfAnyKindTakesTheWakeup(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		for _, calls := range []int{1, 3} { // which collapse into one
			for _, kind := range waitKinds {
				for range calls {
					wakeup(t, s)
				}
				within(t, kind.name, func() {
					if ready, err := kind.wait(s); len(ready) != 0 || err != nil {
						t.Errorf("%s = %v, %v", kind.name, format(ready), err)
					}
				})
				idle(t, s)

				// With something ready.
				key := register(t, s, c, EventWrite, nil)
				soon(t, s, Ready{key, EventWrite})
				for range calls {
					wakeup(t, s)
				}
				within(t, kind.name, func() {
					if ready, err := kind.wait(s); !same(ready, []Ready{{key, EventWrite}}) || err != nil {
						t.Errorf("%s = %v, %v", kind.name, format(ready), err)
					}
				})
				unregister(t, s, c)
				idle(t, s)
			}
		}
	})
}

func TestAWakeupIsKeptUntilAWaitTakesIt(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		wakeup(t, s)
		key := register(t, s, c, EventRead, nil)
		modify(t, s, c, EventRead, key)
		unregister(t, s, c)
		for range s.GetMap().All() {
		}
		wants(t, end(t, startSelect(s, Forever)))
		idle(t, s)
	})
}

func TestWakeupEndsABlockedWaitOfAnyKind(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		for _, registered := range []bool{false, true} {
			if registered {
				register(t, s, a, EventRead, nil)
			}
			for _, kind := range waitKinds {
				if strings.Contains(kind.name, "0") || strings.Contains(kind.name, "-1") {
					continue
				}
				c := start(s, func() ([]Ready, error) { return kind.wait(s) })
				wakeup(t, s)
				wants(t, end(t, c))
				idle(t, s)
			}
		}
	})
}

func TestWakeupEndsAtLeastOneOfSeveralBlockedWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const n = 4
		c := startSelects(s, Forever, n)
		for range n {
			wakeup(t, s)
			wants(t, end(t, c))
		}
		s.Select(0) // takes the Wakeup that nobody may have been there for
		idle(t, s)
	})
}

func TestNoWakeupIsLostBetweenAWaitsBeginningAndItsSleep(t *testing.T) {
	budget := time.Duration(rounds(20, 100, 1000)) * time.Millisecond
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		within(t, "Select", func() {
			woken := make(chan error)
			begin := time.Now()
			for i := 0; i == 0 || time.Since(begin) < budget; i++ {
				go func() {
					for range i % 7 {
						runtime.Gosched()
					}
					woken <- s.Wakeup()
				}()
				if ready, err := s.Select(Forever); len(ready) != 0 || err != nil {
					t.Errorf("Select = %v, %v", format(ready), err)
				}
				if err := <-woken; err != nil {
					t.Error(err)
				}
			}
		})
		idle(t, s)
	})
}

// Nobody has answered a Wakeup whose waits have failed: the next wait takes it, and
// no other.
func TestAWakeupWhoseWaitFailsGoesToTheNextWait(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := coreOf(s)
		b := &failing{backend: c.backend}
		c.backend = b
		for _, fails := range []*atomic.Bool{&b.looks, &b.waits} {
			for _, waits := range []int{1, 3} {
				if fails == &b.waits && waits > 1 {
					continue // those that are not in the kernel don't fail
				}
				for _, kind := range waitKinds {
					blocked := startSelects(s, Forever, waits)
					fails.Store(true)
					wakeup(t, s)
					for range waits {
						if a := end(t, blocked); !errors.Is(a.err, errRefused) {
							t.Errorf("the wait ends with %v, %v", format(a.ready), a.err)
						}
					}
					fails.Store(false)
					within(t, kind.name, func() {
						if ready, err := kind.wait(s); len(ready) != 0 || err != nil {
							t.Errorf("%s = %v, %v", kind.name, format(ready), err)
						}
					})
					idle(t, s)
				}
			}
		}
	})
}

// Who leaves hands the lead on. A Wakeup that comes before the new leader has noticed
// is for it as well.
func TestAWakeupReachesWhoIsJustHandedTheLead(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead|EventOnce, nil)
		core := coreOf(s)
		for range rounds(5, 20, 200) {
			blocked := startSelects(s, Forever, 2)
			core.mu.Lock() // the leader gets no further than its way out
			send(t, b)
			given := make(chan error, 1)
			go func() {
				for {
					core.mu.Lock()
					waits := waitsOf(core)
					core.mu.Unlock()
					if waits < 2 {
						given <- s.Wakeup()
						return
					}
				}
			}()
			core.mu.Unlock()
			first := end(t, blocked)
			second := end(t, blocked)
			if err := <-given; err != nil {
				t.Fatal(err)
			}
			if len(first.ready) == 0 {
				first, second = second, first
			}
			wants(t, first, Ready{key, EventRead})
			if second.err != nil || len(second.ready) != 0 {
				t.Fatalf("the other wait ended with %v, %v", format(second.ready), second.err)
			}
			receive(t, a)
			s.Select(0) // takes the Wakeup that nobody may have been there for
			key = modify(t, s, a, EventRead|EventOnce, nil)
			now(t, s)
		}
	})
}
