// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openOverClosed returns a selector whose outer set has the number of a descriptor
// that was closed while it was registered.
func openOverClosed(t *testing.T) *EpollSelector {
	t.Helper()
	for range 10 { // somebody else may be quicker
		s := openEpoll(t)
		old, _ := pipe(t)
		register(t, s, old.fd, EventRead, "old")
		old.close()
		s.Fd()
		if s.outer == old.fd {
			return s
		}
	}
	t.Fatal("the number isn't given again")
	return nil
}

func TestAClosedNumberMayBecomeTheSelectorsOwnSet(t *testing.T) {
	for _, tt := range []struct{ poisoned, full bool }{{false, false}, {true, false}, {true, true}} {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			s := openOverClosed(t)
			r, w := pipe(t)
			key := register(t, s, r.fd, EventRead, nil)
			if tt.poisoned {
				poison(t, s)
			}
			if tt.full {
				takeAll(t, r)
			}
			fill(t, w)
			now(t, s, Ready{key, EventRead})
			empty(t, r)
			idle(t, s)
			for range 2 {
				blocked := startSelect(s, Forever)
				stillBlocked(t, blocked)
				wakeup(t, s)
				wants(t, end(t, blocked))
			}
			blocked := startSelect(s, Forever)
			stillBlocked(t, blocked)
			fill(t, w)
			wants(t, end(t, blocked), Ready{key, EventRead})
			empty(t, r)
			blocked = startSelect(s, Forever)
			stillBlocked(t, blocked)
			s.Close()
			if a := end(t, blocked); !errors.Is(a.err, ErrClosed) {
				t.Error(a)
			}
		})
	}
}

func TestASelectorThatIsToldToWatchItselfIsStillWoken(t *testing.T) {
	for _, full := range []bool{false, true} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("full=%v,early=%v", full, early), func(t *testing.T) {
				s := openEpoll(t)
				r, _ := pipe(t)
				var blocked <-chan answer
				if early {
					blocked = startSelect(s, Forever)
					stillBlocked(t, blocked)
				}
				if full {
					takeAll(t, r)
				}
				for _, events := range []EventMask{EventRead, EventRead | EventPriority} {
					if _, err := s.Register(s, events, nil); !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EMFILE) {
						t.Errorf("Register(itself, %v): %v", events, err)
					}
				}
				if !early {
					blocked = startSelect(s, Forever)
					stillBlocked(t, blocked)
				}
				wakeup(t, s)
				wants(t, end(t, blocked))
			})
		}
	}
}

// The timer of a wait by poll or select may get the number of a descriptor that was
// closed between the look and the wait.
func TestAClosedNumberMayBecomeAWaitsTimer(t *testing.T) {
	eachOf(t, linuxSelectors, func(t *testing.T, s Selector) {
		r, _ := pipe(t)
		register(t, s, r.fd, EventRead, "old")
		c := coreOf(s)
		c.mu.Lock()
		w := c.backend.newWaiter()
		ready, err := w.look(nil)
		c.mu.Unlock()
		if err != nil || len(ready) != 0 {
			t.Fatalf("%v, %v", format(ready), err)
		}
		r.close()
		for range 3 {
			if _, err := w.wait(time.Millisecond); err != nil {
				t.Fatal(err)
			}
			now(t, s)
			const timeout = 2 * time.Millisecond
			begin := time.Now()
			wants(t, end(t, startSelect(s, timeout)))
			if took := time.Since(begin); took < timeout {
				t.Errorf("a wait of %v took %v", timeout, took)
			}
		}
	})
}

// Select is called with more numbers than are registered where the timer has a
// high one.
func TestAnOldAnswerIsNotAskedForAgain(t *testing.T) {
	s := open(t, selectorUnderTest{"SelectSelector", generic(NewSelectSelector)}).(*SelectSelector)
	r, w := pipe(t)
	next := (r.fd/unix.NFDBITS + 1) * unix.NFDBITS
	high := dup(t, r, next)
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	alarm, err := unix.FcntlInt(uintptr(timer), unix.F_DUPFD_CLOEXEC, next+unix.NFDBITS)
	unix.Close(timer)
	if err != nil {
		t.Fatal(err)
	}
	s.alarms.put(alarm)
	for _, closed := range []bool{false, true} {
		b := observe(s)
		fill(t, w)
		key := register(t, s, high.fd, EventRead, nil)
		now(t, s, Ready{key, EventRead})
		unregister(t, s, high.fd)
		if closed {
			high.close()
		}
		wants(t, end(t, startSelect(s, 20*time.Millisecond)))
		if n := b.turns.Load(); n > 5 {
			t.Errorf("closed=%v: %d turns for one wait", closed, n)
		}
	}
}

// A file whose kind was not asked for yet is not forgotten when its mask is changed.
func TestAChangeBeforeTheFirstLookLosesNotTheKindOfFile(t *testing.T) {
	s, inner := openEpoll(t), openEpoll(t)
	register(t, s, inner, EventRead, nil)
	modify(t, s, inner, EventRead|EventWrite, nil)
	now(t, s)
	if s.slow != 1 {
		t.Errorf("%d files whose driver may sleep, want 1: a set may have one", s.slow)
	}
	unregister(t, s, inner)
	if s.slow != 0 {
		t.Errorf("%d files whose driver may sleep, want none", s.slow)
	}
}

// Nor are those that come and go before the first look, and the list of them stays
// short.
func TestManyChangesBeforeTheFirstLookLoseNotTheKindOfFile(t *testing.T) {
	s, inner := openEpoll(t), openEpoll(t)
	register(t, s, inner, EventRead, nil)
	r, _ := pipe(t)
	for range 10 * epollEvents {
		register(t, s, r.fd, EventRead, nil)
		unregister(t, s, r.fd)
	}
	if n := len(s.pending); n > 2*epollEvents {
		t.Errorf("a list of %d for one registration", n)
	}
	now(t, s)
	if s.slow != 1 {
		t.Errorf("%d files whose driver may sleep, want 1", s.slow)
	}
}
