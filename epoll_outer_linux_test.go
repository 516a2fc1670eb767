// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// Who watches the descriptor of a selector doesn't see the Wakeups of its waits.
func TestANestedSelectorsWakeupsAreItsOwn(t *testing.T) {
	for _, early := range []bool{true, false} { // Fd was asked for before the wait, or during it
		eachOf(t, linuxSelectors, func(t *testing.T, outer Selector) {
			inner := openEpoll(t)
			r, w := pipe(t)
			key := register(t, inner, r.fd, EventRead, nil)
			var outerKey *SelectorKey
			if early {
				outerKey = register(t, outer, inner, EventRead, nil)
			}
			b := observe(inner)
			blocked := startSelects(inner, Forever, 2)
			await(t, &b.turns, 1)
			if !early {
				outerKey = register(t, outer, inner, EventRead, nil)
				// The waits sleep on the set of before until they were told.
				eventually("the waits come over", func() bool { return b.turns.Load() >= 2 && !up(inner) })
			}
			open := b.hold()
			wakeup(t, inner)
			await(t, &b.held, 1)
			for range 10 {
				now(t, outer) // while the wake-up is up
			}
			open()
			for range 2 {
				wants(t, end(t, blocked))
			}
			waiting := startSelect(outer, Forever)
			for range 100 {
				blocked = startSelect(inner, Forever)
				wakeup(t, inner)
				wants(t, end(t, blocked))
			}
			fill(t, w)
			wants(t, end(t, waiting), Ready{outerKey, EventRead})
			now(t, inner, Ready{key, EventRead})
		})
	}
}

// What the kernel tells once is not lost to a selector's own waits, whatever is
// in its set that has to be taken out.
func TestAnEventThatIsToldOnceSurvivesARebuild(t *testing.T) {
	change, child := ownMounts(t)
	if !child {
		return
	}
	s := openEpoll(t)
	d := openFile(t, "/proc/self/mounts", unix.O_RDONLY)
	key := register(t, s, d.fd, EventPriority, nil)
	for round := range 20 {
		var blocked <-chan answer
		if round%2 == 0 {
			blocked = startSelect(s, Forever)
		}
		// A look, and each wait, meets the stale event first.
		change()
		poison(t, s)
		if blocked != nil {
			// It may come out while the stale one is registered still.
			a := end(t, blocked)
			a.ready = slices.DeleteFunc(a.ready, func(r Ready) bool { return r.Key.Data == "stale" })
			wants(t, a, Ready{key, EventPriority})
		} else {
			within(t, fmt.Sprint("Select in round ", round), func() {
				ready, err := s.Select(Forever)
				wants(t, answer{ready, err}, Ready{key, EventPriority})
			})
		}
		now(t, s)

		poison(t, s)
		change()
		now(t, s, Ready{key, EventPriority})
		now(t, s)
	}
}

// A wait makes the set anew, and those that sleep notice nothing.
func TestManyWaitsMakeASetAnewOnce(t *testing.T) {
	const waits = 64
	s := openEpoll(t)
	r, w := pipe(t)
	key := register(t, s, r.fd, EventRead, nil)
	stale, staleW := pipe(t)
	register(t, s, stale.fd, EventRead, "stale")
	dup(t, stale, 0)
	stale.close()
	unregister(t, s, stale.fd)
	b := observe(s)
	blocked := startSelects(s, Forever, waits)
	await(t, &b.turns, 1)
	before := changesOf(s)
	fill(t, staleW)
	await(t, &b.turns, 2)
	if n := changesOf(s) - before; n != 1 {
		t.Errorf("%d waits made the set anew %d times", waits, n)
	}
	stillBlocked(t, blocked)
	if n := b.turns.Load(); n > few {
		t.Errorf("%d turns", n)
	}
	fill(t, w)
	wants(t, end(t, blocked), Ready{key, EventRead})
}

func changesOf(s Selector) uint64 {
	c := coreOf(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}
