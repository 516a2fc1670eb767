// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"testing"

	"golang.org/x/sys/unix"
)

// dupOver gives d's file to the number of another descriptor, which is closed
// first if it is open.
func dupOver(t testing.TB, d, other *ownFD) *ownFD {
	t.Helper()
	if err := unix.Dup3(d.fd, other.fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	c := &ownFD{fd: other.fd}
	t.Cleanup(c.close)
	return c
}

func TestANumberThatNamesTheSameFileAgainCanBeRegistered(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		fill(t, w)
		for _, unregistered := range []bool{true, false} {
			old := register(t, s, r.fd, EventRead, "old")
			now(t, s, Ready{old, EventRead})
			d := dup(t, r, 0)
			r.close()
			if unregistered {
				unregister(t, s, r.fd)
			}
			r = dupOver(t, d, r) // the kernel still has the old entry
			var key *SelectorKey
			if unregistered {
				now(t, s)
				r.close()
				r = dupOver(t, d, r)
				key = register(t, s, r.fd, EventRead, "new")
			} else {
				key = modify(t, s, r.fd, EventRead|EventWrite, "new")
			}
			now(t, s, Ready{key, EventRead})
			unregister(t, s, r.fd)
			now(t, s)
			idle(t, s)
		}

		// The old entry, asked for another event, is still there at Register.
		register(t, s, r.fd, EventWrite, "old")
		d := dup(t, r, 0)
		r.close()
		unregister(t, s, r.fd)
		r = dupOver(t, d, r)
		key := register(t, s, r.fd, EventRead, "new")
		now(t, s, Ready{key, EventRead})
		unregister(t, s, r.fd)
		now(t, s)
		idle(t, s)
	})
}

func TestADescriptorReplacedUnderABlockedWaitHarmsNoOtherKey(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		old, _ := pipe(t)
		register(t, s, old.fd, EventRead, nil)
		next, nextW := pipe(t)
		blocked := startSelect(s, Forever)
		dupOver(t, next, old)
		stillBlocked(t, blocked)
		unregister(t, s, old.fd)
		fill(t, nextW)
		stillBlocked(t, blocked)
		fill(t, w)
		wants(t, end(t, blocked), Ready{key, EventRead})
	})
}

func TestNothingIsLostOrReportedLateWhileDescriptorsAreReplaced(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := newStorm(t, s)
		replaced := func() { // another file takes the number
			r, w, rec := m.file(EventRead)
			m.write(w)
			r2, w2 := m.pipe()
			if rec != nil {
				m.expect(rec, EventRead)
			}
			m.check(unix.Dup3(r2, r, unix.O_CLOEXEC))
			if rec != nil {
				m.unregister(r, rec)
				rec = m.register(r, EventRead)
				m.write(w2)
				m.expect(rec, EventRead)
				m.unregister(r, rec)
			}
			for _, fd := range []int{r, w, r2, w2} {
				unix.Close(fd)
			}
		}
		again := func() { // the same file takes it, by a duplicate
			r, w, rec := m.file(EventRead)
			d, err := unix.Dup(r)
			m.check(err)
			m.write(w)
			if rec != nil {
				m.expect(rec, EventRead)
			}
			m.check(unix.Dup3(d, r, unix.O_CLOEXEC))
			if rec != nil {
				m.unregister(r, rec)
				rec = m.register(r, EventRead)
				m.expect(rec, EventRead)
				m.unregister(r, rec)
			}
			for _, fd := range []int{r, w, d} {
				unix.Close(fd)
			}
		}
		m.run(append(m.stormWorkers(), replaced, replaced, again, again)...)
	})
}
