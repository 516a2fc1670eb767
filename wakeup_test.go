// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"runtime"
	"strings"
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
