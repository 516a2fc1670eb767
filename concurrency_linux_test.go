// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"os"
	"sync"
	"testing"
)

// Only one of the waits on a selector is in the kernel: the others sleep in Go.
func TestAnyNumberOfBlockedWaitsTakesOneThread(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const waits = 200
		threads := func() int {
			list, err := os.ReadDir("/proc/self/task")
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		before := threads()
		c := startSelects(s, Forever, waits)
		// The runtime may want some for itself.
		if n := threads() - before; n > waits/10 {
			t.Errorf("%d waits take %d threads", waits, n)
		}
		send(t, b)
		wants(t, end(t, c), Ready{key, EventRead})
		s.Close()
	})
}

// An event that is for one wakes one, however many wait.
func TestAnEventCostsTheSameWithManyWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const waits = 64
		events := rounds(50, 200, 2000)
		a, b := tcpPair(t)
		send(t, b)
		key := register(t, s, a, EventRead|EventOnce, nil)
		soon(t, s, Ready{key, EventRead})
		o := observe(s)
		answers := make(chan answer, waits)
		var group sync.WaitGroup
		for range waits {
			spawn(&group, func() {
				for {
					ready, err := s.Select(Forever)
					if err != nil {
						return
					}
					answers <- answer{ready, err}
				}
			})
		}
		eventually("all wait", func() bool { return blocked(s) == waits })
		turns, looks := o.turns.Load(), o.looks.Load()
		for range events {
			key = modify(t, s, key, EventRead|EventOnce, nil)
			wants(t, end(t, answers), Ready{key, EventRead})
		}
		// A change is a turn more for poll and select, and who comes back looks first.
		if n := int(o.turns.Load() - turns); n > 3*events+few {
			t.Errorf("%d turns for %d events with %d waits", n, events, waits)
		}
		if n := int(o.looks.Load() - looks); n > 2*events+few {
			t.Errorf("%d looks for %d events with %d waits", n, events, waits)
		}
		s.Close()
		group.Wait()
	})
}
