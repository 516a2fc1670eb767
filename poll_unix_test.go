// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// DragonFly's poll says POLLNVAL for a closed descriptor and for an open pipe
// whose other end is gone, and then nothing of what is ready.
func TestAnInvalidDescriptorHidesNoOtherFromPoll(t *testing.T) {
	s, err := NewPollSelector()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	register := func(fd int, events EventMask) *SelectorKey {
		t.Helper()
		key, err := s.Register(fd, events, nil)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	ready, w := pipe(t)
	fill(t, w)
	closed, _ := pipe(t)
	dead, deadW := pipe(t)
	other, _ := pipe(t)
	closedKey := register(closed.fd, EventRead)
	readyKey := register(ready.fd, EventRead)
	deadKey := register(dead.fd, EventRead|EventWrite)
	register(other.fd, EventRead)
	closed.close()
	deadW.close()

	byDescriptor := func(a, b Ready) int { return a.Key.FD - b.Key.FD }
	want := []Ready{{readyKey, EventRead}, {deadKey, EventRead | EventWrite}}
	slices.SortFunc(want, byDescriptor)
	for range 3 {
		got := pollTake(t, s, closed.fd, dead.fd)
		if slices.SortFunc(got, byDescriptor); !slices.Equal(got, want) {
			t.Fatalf("ready: %v, want %v", got, want)
		}
	}
	if key, err := s.GetKey(closed.fd); key != closedKey || err != nil {
		t.Errorf("the closed descriptor's key is %v (%v)", key, err)
	}
	if len(s.fds) != 4 { // the waker among them
		t.Errorf("poll is asked for %d descriptors, want 4", len(s.fds))
	}

	// A kernel that tells all at once.
	s.Unregister(dead.fd)
	want = []Ready{{readyKey, EventRead}}
	got, err := s.Select(0)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("ready: %v (%v), want %v", got, err, want)
	}
	other.close()
	got, err = s.Select(0)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("ready: %v (%v), want %v", got, err, want)
	}
}

// A wait that found a descriptor closed, whose number names another file before it
// can say so, tells what that file is ready for, now or in its next turn.
func TestANumberReusedUnderPollIsAskedForAgain(t *testing.T) {
	s, err := NewPollSelector()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, w := pipe(t)
	key := register(t, s, r.fd, EventRead, nil)
	if got := pollTake(t, s, r.fd); len(got) != 0 {
		t.Errorf("ready: %v, want nothing", format(got))
	}
	fill(t, w)
	got := pollTake(t, s, r.fd)
	if !pollStops && len(got) == 0 {
		got = pollTake(t, s)
	}
	if !same(got, []Ready{{key, EventRead}}) {
		t.Errorf("ready: %v, want %v", format(got), EventRead)
	}
}

// pollTake is what a wait finds, if the kernel says POLLNVAL of some. One that stops
// there says nothing of others.
func pollTake(t *testing.T, s *PollSelector, invalid ...int) []Ready {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	b := &s.waits
	if !pollStops || len(invalid) == 0 {
		if _, err := s.wait(0); err != nil {
			t.Fatal(err)
		}
	}
	for i := range b.fds {
		if p := &b.fds[i]; slices.Contains(invalid, int(p.Fd)) && (pollStops || checkOpen(int(p.Fd)) == nil && p.Revents&unix.POLLHUP == 0) {
			if p.Revents == 0 {
				b.n++
			}
			p.Revents = unix.POLLNVAL
		}
	}
	got, err := s.take(nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.update(b); !slices.EqualFunc(b.fds, s.fds, func(a, b unix.PollFd) bool { return a.Fd == b.Fd && a.Events == b.Events }) {
		t.Errorf("the wait's copy is %v, want %v", b.fds, s.fds)
	}
	return got
}

// FreeBSD 12 has no POLLRDHUP, and 13 got it during its life.
func TestPollTellsHangupWhereTheKernelDoes(t *testing.T) {
	has := tellsHangup()
	switch {
	case asksRDHUP && situationRelease == 13:
		t.Skip("it depends on the update")
	case asksRDHUP && situationRelease == 0:
		t.Skip("it depends on the system's release")
	case has != (pollRDHUP != 0 && (!asksRDHUP || situationRelease > 13)):
		t.Errorf("release %d: %v", situationRelease, has)
	}
	if again := tellsHangup(); again != has {
		t.Error("the answer changes")
	}
}
