// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "testing"

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
