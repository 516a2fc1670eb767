// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package selectors

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var selectorsUnderTest = []selectorUnderTest{
	{"KqueueSelector", generic(NewKqueueSelector)},
	{"PollSelector", generic(NewPollSelector)},
	{"SelectSelector", generic(NewSelectSelector)},
}

var (
	_ func() (*KqueueSelector, error) = NewKqueueSelector
	_ Selector                        = (*KqueueSelector)(nil)
	_ interface{ Fd() uintptr }       = (*KqueueSelector)(nil)
)

// What a registration is watched by. A companion is there for the end alone, and
// is told once.
func TestKqueueKnotes(t *testing.T) {
	const (
		no        = 0
		level     = unix.EV_ADD
		companion = unix.EV_ADD | unix.EV_CLEAR
	)
	for _, test := range []struct {
		name        string
		pos         uint32
		events      EventMask
		read, write int
	}{
		{"socket, reading", socket, EventRead, level, no},
		{"socket, writing", socket, EventWrite, no, level},
		{"socket, both", socket, EventRead | EventWrite, level, level},
		{"socket, hang-up alone", socket | endByRead, EventHangup, companion, no},
		{"socket, reading and hang-up", socket | endByRead, EventRead | EventHangup, level, no},
		{"socket, writing and hang-up", socket | endByRead, EventWrite | EventHangup, companion, level},
		{"unix socket that is deaf, writing", socket | endByRead | deaf, EventWrite, companion, level},
		{"unix socket that is deaf, both", socket | endByRead | deaf, EventRead | EventWrite, level, level},
		{"pipe of both directions, reading", 0, EventRead, level, no},
		{"pipe of both directions that is deaf, writing", endByRead, EventWrite, companion, level},
		{"read end, reading", noWrite | endByRead, EventRead, level, no},
		{"read end, writing", noWrite | endByRead, EventWrite, companion, no},
		{"read end, hang-up alone", noWrite | endByRead, EventHangup, companion, no},
		{"write end, writing", noRead, EventWrite, no, level},
		{"write end, reading", noRead, EventRead, no, companion},
		{"write end, hang-up alone", noRead, EventHangup, no, companion},
		{"write end that is deaf, writing", noRead | endByRead, EventWrite, companion, level},
		{"write end that is deaf, reading", noRead | endByRead, EventRead, companion, companion},
	} {
		e := entry{pos: test.pos, events: test.events}
		k := e.knotes(0)
		if int(k[0].Filter) != unix.EVFILT_READ || int(k[1].Filter) != unix.EVFILT_WRITE || int(k[2].Flags) != no {
			t.Fatalf("%s: %v", test.name, k)
		}
		if int(k[0].Flags) != test.read || int(k[1].Flags) != test.write {
			t.Errorf("%s: flags %#x for reading and %#x for writing, want %#x and %#x", test.name, int(k[0].Flags), int(k[1].Flags), test.read, test.write)
		}
		// No data reaches a companion as far as the kernel knows a mark, and
		// what is asked for is told of every byte.
		wantMark := test.read == companion
		if mark := k[0].Fflags == unix.NOTE_LOWAT && k[0].Data == beyond; mark != wantMark || !mark && (k[0].Fflags != 0 || k[0].Data != 0) {
			t.Errorf("%s: the filter for reading has fflags %#x and data %d", test.name, k[0].Fflags, k[0].Data)
		}
		if k[1].Fflags != 0 || k[1].Data != 0 {
			t.Errorf("%s: the filter for writing has fflags %#x and data %d", test.name, k[1].Fflags, k[1].Data)
		}
	}
}

// What an event counts as. The descriptors are closed, so that hungUp finds
// nothing.
func TestKqueueMask(t *testing.T) {
	const eof = unix.EV_EOF
	for _, test := range []struct {
		name   string
		pos    uint32
		events EventMask
		filter int
		flags  int
		want   EventMask
	}{
		{"socket, data", socket, allEvents, unix.EVFILT_READ, 0, EventRead},
		{"socket, data for who asks for hang-up alone", socket, EventHangup, unix.EVFILT_READ, 0, 0},
		{"socket, room", socket, allEvents, unix.EVFILT_WRITE, 0, EventWrite},
		{"socket, the peer sends nothing more", socket, allEvents, unix.EVFILT_READ, eof, EventRead | EventHangup},
		{"socket, the same for who asks for hang-up alone", socket, EventHangup, unix.EVFILT_READ, eof, EventHangup},
		{"socket, own writing side shut", socket, allEvents, unix.EVFILT_WRITE, eof, EventWrite},
		{"deaf socket, the peer sends nothing more", socket | deaf, EventWrite, unix.EVFILT_READ, eof, 0},
		{"pipe of both directions, data", 0, EventRead | EventWrite | EventHangup, unix.EVFILT_READ, 0, EventRead},
		{"pipe of both directions, the end for reading", 0, EventRead | EventWrite | EventHangup, unix.EVFILT_READ, eof, EventRead | EventWrite | EventHangup},
		{"pipe of both directions, the end for writing", 0, EventRead | EventWrite | EventHangup, unix.EVFILT_WRITE, eof, EventRead | EventWrite | EventHangup},
		{"read end, data for who asks for writing", noWrite, EventWrite, unix.EVFILT_READ, 0, 0},
		{"read end, the end for who asks for writing", noWrite, EventWrite, unix.EVFILT_READ, eof, EventWrite},
		{"write end, room for who asks for hang-up", noRead, EventHangup, unix.EVFILT_WRITE, 0, 0},
		{"write end, the end for who asks for hang-up", noRead, EventHangup, unix.EVFILT_WRITE, eof, EventHangup},
		{"write end, its own data", noRead, EventRead | EventWrite, unix.EVFILT_READ, 0, 0},
	} {
		e := entry{pos: test.pos, events: test.events}
		var event unix.Kevent_t
		unix.SetKevent(&event, 1<<30, test.filter, test.flags)
		if mask := e.mask(&event); mask != test.want {
			t.Errorf("%s: %v, want %v", test.name, mask, test.want)
		}
	}
}

// A pause: a peer that goes on writing ends no wait. Where the kernel knows no
// low-water mark (a pipe, a listener) each arrival wakes one in the kernel, and
// the wait goes round once for it.
func TestKqueueHangupAloneIsAPause(t *testing.T) {
	r, w := pipe(t)
	a, b := situationPair(t, unix.SOCK_STREAM)
	for _, end := range []struct {
		name   string
		fd, to int
		close  func()
	}{
		{"pipe", r.fd, w.fd, w.close},
		{"unix stream socket", a, b, situationClose(t, b)},
	} {
		t.Run(end.name, func(t *testing.T) {
			s, err := NewKqueueSelector()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			key, err := s.Register(end.fd, EventHangup, nil)
			if err != nil {
				t.Fatal(err)
			}
			situationPut(t, end.to, "x")
			for range 3 {
				if ready, err := s.Select(time.Millisecond); len(ready) != 0 || err != nil {
					t.Fatalf("with data: %v (%v)", ready, err)
				}
				situationPut(t, end.to, "x")
			}
			// Data that was there before is no hang-up after a Modify either.
			for _, events := range []EventMask{EventRead | EventHangup, EventHangup} {
				if key, err = s.Modify(end.fd, events, nil); err != nil {
					t.Fatal(err)
				}
				want := events & EventRead
				ready, err := s.Select(time.Millisecond)
				if got := (situationAnswer{ready, err, 0}).mask(t, key); got != want {
					t.Fatalf("after a Modify to %v: %v, want %v", events, got, want)
				}
			}
			end.close()
			for range 3 {
				ready, err := s.Select(Forever)
				if len(ready) != 1 || ready[0] != (Ready{key, EventHangup}) || err != nil {
					t.Fatalf("hung up with data unread: %v (%v)", ready, err)
				}
			}
		})
	}
}

func TestKqueueRefusesItself(t *testing.T) {
	s, err := NewKqueueSelector()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Register(s.Fd(), EventRead, nil); !errors.Is(err, unix.EINVAL) {
		t.Errorf("Register of its own descriptor: %v, want %v", err, unix.EINVAL)
	}
	if n := s.GetMap().Len(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

// A regular file is ready for good, but not for EventHangup.
func TestKqueueSleepsBesideARegularFileThatIsAskedForEventHangupAlone(t *testing.T) {
	s, err := NewKqueueSelector()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := observe(s)
	register(t, s, situationRegular(t), EventHangup, nil)
	blocked := startSelect(s, 10*settle)
	wants(t, end(t, blocked))
	if n := b.turns.Load(); n > few {
		t.Errorf("the wait went into the kernel %d times", n)
	}
}

// Whoever is handed the lead has looked long ago. What became ready for good since,
// the kernel tells nobody of.
func TestKqueueNoWaitThatIsHandedTheLeadSleepsThroughARegularFile(t *testing.T) {
	s, err := NewKqueueSelector()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	file := situationRegular(t)
	budget := time.Duration(rounds(50, 200, 2000)) * time.Millisecond
	for begin, i := time.Now(), 0; i == 0 || time.Since(begin) < budget; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		leader := start(s, func() ([]Ready, error) { return s.SelectContext(ctx) })
		next := startSelect(s, Forever)
		cancel()
		end(t, leader) // it has handed the lead on
		key := register(t, s, file, EventRead, nil)
		wants(t, end(t, next), Ready{key, EventRead})
		unregister(t, s, file)
	}
}
