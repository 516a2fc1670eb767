// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"testing"
)

// eachThatHearsHangup runs a test on every selector that takes EventHangup. Of
// the others it holds that they change nothing.
func eachThatHearsHangup(t *testing.T, test func(t *testing.T, s Selector)) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		_, err := s.Register(a, EventHangup, nil)
		if !errors.Is(err, errors.ErrUnsupported) {
			if err != nil {
				t.Fatal(err)
			}
			unregister(t, s, a)
			test(t, s)
			return
		}
		if _, err := s.GetKey(a); !errors.Is(err, ErrNotRegistered) || s.GetMap().Len() != 0 {
			t.Fatalf("a refused Register leaves a key (%v)", err)
		}
		key := register(t, s, a, EventWrite, "data")
		if _, err := s.Modify(a, EventWrite|EventHangup, nil); !errors.Is(err, errors.ErrUnsupported) {
			t.Fatalf("Modify: %v", err)
		}
		if got, err := s.GetKey(a); got != key || err != nil {
			t.Fatalf("a refused Modify leaves %v, %v", got, err)
		}
		hasEvents(t, s, a, EventWrite)
	})
}

// hasEvents waits for the one key that is registered.
func hasEvents(t *testing.T, s Selector, fileobj any, want EventMask) {
	t.Helper()
	for range 2 { // by level
		a := end(t, startSelect(s, Forever))
		if a.err != nil || len(a.ready) != 1 || a.ready[0].Key.FileObj != fileobj || a.ready[0].Events != want {
			t.Fatalf("%v, %v, want %v", a.ready, a.err, want)
		}
	}
}

func TestEventHangupAloneIsAPause(t *testing.T) {
	eachThatHearsHangup(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		register(t, s, a, EventHangup, nil)
		o := observe(s)
		wait := startSelect(s, Forever)
		for range 100 {
			send(t, b)
		}
		stillBlocked(t, wait)
		// A signal may take it out of the kernel; a wait that goes round does so
		// thousands of times.
		if n := o.turns.Load(); n > 20 {
			t.Errorf("it went into the kernel %d times", n)
		}
		if err := b.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got := end(t, wait); got.err != nil || len(got.ready) != 1 || got.ready[0].Events != EventHangup {
			t.Fatalf("behind unread data: %v, %v", got.ready, got.err)
		}
		hasEvents(t, s, a, EventHangup)
	})
}

func TestAHalfCloseIsToldApartAndAPauseEnds(t *testing.T) {
	eachThatHearsHangup(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		register(t, s, a, EventRead|EventHangup, nil)
		send(t, b)
		hasEvents(t, s, a, EventRead)
		modify(t, s, a, EventHangup, nil)
		wait := startSelect(s, Forever)
		stillBlocked(t, wait)
		modify(t, s, a, EventRead|EventHangup, nil)
		if got := end(t, wait); got.err != nil || len(got.ready) != 1 || got.ready[0].Events != EventRead {
			t.Fatalf("after the pause: %v, %v", got.ready, got.err)
		}
		receive(t, a)
		wait = startSelect(s, Forever)
		if err := b.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		end(t, wait)
		hasEvents(t, s, a, EventRead|EventHangup)
		modify(t, s, a, EventHangup, nil)
		hasEvents(t, s, a, EventHangup)
	})
}
