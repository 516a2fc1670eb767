// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"testing"
)

// poison leaves an event in an epoll set that nobody can take out: of a
// descriptor that was closed while it was registered and a duplicate lives on.
func poison(t *testing.T, s Selector) {
	t.Helper()
	stale, w := pipe(t)
	register(t, s, stale.fd, EventRead, "stale")
	fill(t, w)
	dup(t, stale, 0)
	stale.close()
	unregister(t, s, stale.fd)
}

func TestAClosedDescriptorHarmsNoWaitWhenNoDescriptorIsFree(t *testing.T) {
	for _, outer := range []bool{false, true} {
		t.Run(fmt.Sprintf("outer=%v", outer), func(t *testing.T) {
			s := openEpoll(t)
			if outer {
				s.Fd()
			}
			r, w := pipe(t)
			key := register(t, s, r.fd, EventRead, nil)
			late, lateW := pipe(t)
			poison(t, s)

			taken := takeAll(t, r)
			for range 2 {
				now(t, s)
				idle(t, s)
				b := observe(s)
				blocked := startSelect(s, Forever)
				stillBlocked(t, blocked)
				wakeup(t, s)
				wants(t, end(t, blocked))
				if n := b.turns.Load(); n > 5 {
					t.Errorf("%d turns for one wait", n)
				}
				blocked = startSelect(s, Forever)
				fill(t, w)
				wants(t, end(t, blocked), Ready{key, EventRead})
				empty(t, r)
			}

			// A change reaches a wait that began before it.
			blocked := startSelect(s, Forever)
			fill(t, lateW)
			lateKey := register(t, s, late.fd, EventRead, nil)
			wants(t, end(t, blocked), Ready{lateKey, EventRead})
			unregister(t, s, late.fd)

			blocked = startSelect(s, Forever)
			for _, d := range taken {
				d.close()
			}
			wakeup(t, s)
			wants(t, end(t, blocked))
			now(t, s)
			if s.stuck != 0 || s.copies {
				t.Error("the set is not made anew when a descriptor is free")
			}
			quiet(t, s)
			fill(t, w)
			now(t, s, Ready{key, EventRead})
			s.Close()
			if _, err := s.Select(0); !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
	}
}

func TestWhatPollHasFoundIsNotToldAgainOnceTheSetIsMadeAnew(t *testing.T) {
	s := openEpoll(t)
	r, w := pipe(t)
	key := register(t, s, r.fd, EventRead, nil)
	late, lateW := pipe(t)
	lateKey := register(t, s, late.fd, EventRead, nil)
	poison(t, s)

	taken := takeAll(t, r)
	first, second := startSelect(s, Forever), startSelect(s, Forever)
	stillBlocked(t, first)
	stillBlocked(t, second)
	fill(t, w)
	wants(t, end(t, first), Ready{key, EventRead})
	wants(t, end(t, second), Ready{key, EventRead})
	for _, d := range taken {
		d.close()
	}
	now(t, s, Ready{key, EventRead})
	empty(t, r)
	fill(t, lateW)
	now(t, s, Ready{lateKey, EventRead})

	// The other waits' buffers are next.
	if len(s.idle) < 2 {
		t.Fatalf("%d waiters are kept", len(s.idle))
	}
	for range s.idle {
		s.idle = append(s.idle[1:], s.idle[0])
		now(t, s, Ready{lateKey, EventRead})
	}
}
