// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// A failing backend's looks fail, or its waits.
type failing struct {
	backend
	looks, waits atomic.Bool
}

func (b *failing) look(dst []Ready) ([]Ready, error) {
	if b.looks.Load() {
		return dst, errRefused
	}
	return b.backend.look(dst)
}

func (b *failing) wait(timeout time.Duration) (bool, error) {
	over, err := b.backend.wait(timeout)
	if b.waits.Load() {
		return false, errRefused
	}
	return over, err
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
