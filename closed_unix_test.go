// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestADescriptorClosedWhileRegisteredHarmsNoOtherKey(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var rs, ws []*ownFD
		keys := make(map[*ownFD]*SelectorKey)
		for range 5 {
			r, w := pipe(t)
			rs, ws = append(rs, r), append(ws, w)
			keys[r] = register(t, s, r.fd, EventRead, nil)
		}
		// The first, the last, one amid; while nobody waits, and under a
		// blocked wait.
		rs[0].close()
		now(t, s)
		idle(t, s)
		blocked := startSelect(s, Forever)
		rs[4].close()
		stillBlocked(t, blocked)
		fill(t, ws[1])
		wants(t, end(t, blocked), Ready{keys[rs[1]], EventRead})
		now(t, s, Ready{keys[rs[1]], EventRead})
		unix.Read(rs[1].fd, make([]byte, 1))
		const timeout = 3 * settle
		begin := time.Now()
		timed := startSelect(s, timeout)
		rs[2].close()
		wants(t, end(t, timed))
		if took := time.Since(begin); took < timeout {
			t.Errorf("a wait of %v, under which a descriptor was closed, took %v", timeout, took)
		}
		idle(t, s)

		// A change beside them.
		r, w := pipe(t)
		if key, err := s.Register(r.fd, EventRead, nil); err == nil {
			fill(t, w)
			now(t, s, Ready{key, EventRead})
			unregister(t, s, r.fd)
		} else if !errors.Is(err, ErrRegistered) { // it may have one of their numbers
			t.Error(err)
		}
		r.close()
		w.close()
		idle(t, s)

		// The keys stay until Unregister.
		m := s.GetMap()
		if m.Len() != 5 {
			t.Errorf("%d keys", m.Len())
		}
		for _, d := range rs {
			if key, ok := m.Get(d.fd); key != keys[d] || !ok {
				t.Errorf("Get = %v, %v", key, ok)
			}
			if key := unregister(t, s, d.fd); key != keys[d] {
				t.Errorf("Unregister = %v", key)
			}
		}
		idle(t, s)
	})
}

func TestUnregisterOfAClosedAndReusedDescriptorSucceeds(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, _ := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		other, w := pipe(t)
		r.close()
		d := reuse(t, other, r)
		otherKey := register(t, s, other.fd, EventRead, nil)
		if got := unregister(t, s, d.fd); got != key {
			t.Errorf("Unregister = %v", got)
		}
		fill(t, w)
		now(t, s, Ready{otherKey, EventRead})
	})
}

func TestNoLaterSelectReportsTheKeyEvenWhenADuplicateKeepsItsFileOpen(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		quiet, quietW := pipe(t)
		quietKey := register(t, s, quiet.fd, EventRead, nil)
		for _, reused := range []bool{false, true} {
			for _, blocks := range []bool{false, true} {
				r, w := pipe(t)
				oldKey := register(t, s, r.fd, EventRead, "old")
				dup(t, r, 0)
				var waiting <-chan answer
				if blocks {
					waiting = startSelect(s, Forever)
				} else {
					fill(t, w)
				}
				var next, nextW *ownFD
				if reused {
					next, nextW = pipe(t)
				}
				r.close()
				var d *ownFD
				if reused {
					d = reuse(t, next, r)
				}
				unregister(t, s, r.fd)
				if blocks {
					// It began before, but what it reports is registered. The old key was
					// until now: a wait that met the number closed, and then another
					// file's, may have ended with it.
					eventually("the wait is blocked or has ended", func() bool { return blocked(s)+len(waiting) == 1 })
					if reused && len(waiting) == 1 {
						wants(t, end(t, waiting), Ready{oldKey, EventRead})
						waiting = startSelect(s, Forever)
					}
					fill(t, w)
					stillBlocked(t, waiting)
				} else {
					now(t, s)
				}
				if reused {
					key := register(t, s, d.fd, EventRead, "new")
					if !blocks {
						now(t, s)
						idle(t, s)
					}
					fill(t, nextW)
					if blocks {
						wants(t, end(t, waiting), Ready{key, EventRead})
					}
					now(t, s, Ready{key, EventRead})
					unregister(t, s, d.fd)
				} else if blocks {
					fill(t, quietW)
					wants(t, end(t, waiting), Ready{quietKey, EventRead})
					unix.Read(quiet.fd, make([]byte, 1))
				}
				now(t, s)
				idle(t, s)
			}
		}
	})
}

// A wait that is on its way back from the kernel has results of registrations
// that are gone when it gets the mutex.
func TestWhatAWaitFoundIsNotTakenForALaterRegistrationOfTheNumber(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		register(t, s, r.fd, EventRead, "old")
		now(t, s)
		late := s.(backend)
		if err := late.prepare(); err != nil {
			t.Fatal(err)
		}
		fill(t, w)
		if _, err := late.wait(hang); err != nil {
			t.Fatal(err)
		}
		unregister(t, s, r.fd)
		empty(t, r)
		key := register(t, s, r.fd, EventRead, "new")
		if ready, err := late.take(nil); len(ready) != 0 || err != nil {
			t.Errorf("take = %v, %v", format(ready), err)
		}
		fill(t, w)
		soon(t, s, Ready{key, EventRead})
	})
}
