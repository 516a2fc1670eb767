// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func openEpoll(t *testing.T) *EpollSelector {
	t.Helper()
	return open(t, linuxSelectors[0]).(*EpollSelector)
}

// quiet waits until nothing in an epoll set is ready: a wait does not spin. A
// wake-up is, until the last of the waits that it is for has come out.
func quiet(t *testing.T, s *EpollSelector) {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(s.Fd()), Events: unix.POLLIN}}
	eventually("nothing in the set is ready", func() bool {
		n, err := unix.Poll(p, 0)
		return n == 0 && err == nil
	})
}

func TestEpollRefusesWhatCantBePolledWithEPERM(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, s Selector) {
		for _, path := range []string{executable, "/", "/dev/null", "/dev/zero"} {
			d := openFile(t, path, unix.O_RDONLY)
			key, err := s.Register(d.fd, EventRead, nil)
			if _, ok := s.(*EpollSelector); ok {
				refused(t, err, unix.EPERM, "Register", "int", d.fd)
				if key != nil || s.GetMap().Len() != 0 {
					t.Errorf("%s: there is a key", path)
				}
				now(t, s)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			now(t, s, Ready{key, EventRead})
			key = modify(t, s, d.fd, EventRead|EventWrite, nil)
			now(t, s, Ready{key, EventRead | EventWrite})
			unregister(t, s, d.fd)
		}
	})
}

func TestTheEpollSetIsRebuiltUnderTheSameFd(t *testing.T) {
	s := openEpoll(t)
	fd := s.Fd()
	r, w := pipe(t)
	other := register(t, s, r.fd, EventRead, nil)
	closed, _ := pipe(t)
	register(t, s, closed.fd, EventRead, "closed while registered")
	closed.close()
	outer := open(t, linuxSelectors[0])
	register(t, outer, s, EventRead, nil)
	var want []Ready
	for _, c := range writables(t, many) {
		want = append(want, Ready{register(t, s, c, EventWrite, nil), EventWrite})
	}
	for _, fromModify := range []bool{false, true} {
		stale, staleW := pipe(t)
		register(t, s, stale.fd, EventRead, "old")
		fill(t, staleW)
		dup(t, stale, 0)
		stale.close()
		if fromModify {
			if _, err := s.Modify(stale.fd, EventWrite, nil); !errors.Is(err, unix.EBADF) {
				t.Errorf("Modify: %v", err)
			}
		} else {
			unregister(t, s, stale.fd)
		}
		for range 2 {
			now(t, s, want...)
		}
		if s.Fd() != fd {
			t.Errorf("Fd is %d, was %d", s.Fd(), fd)
		}
	}
	for _, ready := range want {
		unregister(t, s, ready.Key.FD)
	}
	quiet(t, s)
	idle(t, s)

	// As the documentation says, it has to be nested again.
	unregister(t, outer, s)
	outerKey := register(t, outer, s, EventRead, nil)
	now(t, outer)
	fill(t, w)
	now(t, s, Ready{other, EventRead})
	now(t, outer, Ready{outerKey, EventRead})
}

func TestWaitsThatBlockOnTheOldEpollSetAreStillWoken(t *testing.T) {
	s := openEpoll(t)
	r, _ := pipe(t)
	register(t, s, r.fd, EventRead, nil)
	const n = 4
	c := startSelects(s, Forever, n)
	unseen := func() { // an event of nobody that was gone before the blocked waits found it
		inKernel(s.set)
		s.mu.Lock()
		err := s.rebuild()
		s.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := func() {
		stale, w := pipe(t)
		register(t, s, stale.fd, EventRead, "old")
		dup(t, stale, 0)
		stale.close()
		unregister(t, s, stale.fd)
		inKernel(s.set)
		fill(t, w) // the blocked wait finds the event of nobody
		stillBlocked(t, c)
		now(t, s)
		quiet(t, s)
	}
	// With the first quiet the waits poll.
	for _, poison := range []func(){unseen, seen, unseen, seen} {
		poison()
		next, w := pipe(t)
		key := register(t, s, next.fd, EventRead, nil)
		fill(t, w)
		wants(t, end(t, c), Ready{key, EventRead})
		unregister(t, s, next.fd)
		for left := n - 1; left > 0; left-- { // or they have seen it, too
			wakeup(t, s)
			if a := end(t, c); a.err != nil {
				t.Fatal(a.err)
			}
		}
		s.Select(0)
		c = startSelects(s, Forever, n)
	}
	seen()
	s.Close()
	for range n {
		if a := end(t, c); !errors.Is(a.err, ErrClosed) {
			t.Errorf("Select = %v", a.err)
		}
	}
}

// poison leaves an event of nobody in the set: of a descriptor that was closed while
// registered and lives on in a duplicate.
func poison(t *testing.T, s Selector) {
	t.Helper()
	stale, w := pipe(t)
	register(t, s, stale.fd, EventRead, "stale")
	fill(t, w)
	dup(t, stale, 0)
	stale.close()
	unregister(t, s, stale.fd)
}

// Out of descriptors a set can't be made anew: the wait fails, and the next one tries
// again.
func TestAWaitThatCantMakeItsSetAnewFailsAndTheNextTriesAgain(t *testing.T) {
	for _, apart := range []bool{false, true} {
		t.Run(fmt.Sprintf("apart=%v", apart), func(t *testing.T) {
			s := openEpoll(t)
			if apart {
				s.Fd()
			}
			r, w := pipe(t)
			key := register(t, s, r.fd, EventRead, nil)
			blocked := startSelects(s, Forever, 3)
			stillBlocked(t, blocked)
			late, lateW := pipe(t)
			register(t, s, late.fd, EventRead, "stale")
			kept := dup(t, late, 0)
			late.close()
			unregister(t, s, late.fd)
			taken := takeAll(t, r)
			fill(t, lateW)
			for range 3 {
				if a := end(t, blocked); len(a.ready) != 0 || !errors.Is(a.err, unix.EMFILE) {
					t.Errorf("a blocked wait ends with %v, %v", format(a.ready), a.err)
				}
			}
			for range 2 {
				_, err := s.Select(0)
				var se *os.SyscallError
				if !errors.Is(err, unix.EMFILE) || !errors.As(err, &se) {
					t.Errorf("Select = %v, want an *os.SyscallError around EMFILE", err)
				}
			}
			// What is ready is told even so.
			fill(t, w)
			now(t, s, Ready{key, EventRead})
			empty(t, r)
			for _, d := range taken {
				d.close()
			}
			idle(t, s)
			quiet(t, s)
			kept.close()
		})
	}
}

// A set that is made anew has for a moment the lowest number that is free, and that may
// be one that was closed while registered.
func TestAClosedNumberMayBecomeTheNewSets(t *testing.T) {
	s := openEpoll(t)
	r, w := pipe(t)
	key := register(t, s, r.fd, EventRead, nil)
	poison(t, s)
	old, _ := pipe(t)
	register(t, s, old.fd, EventRead, "old")
	old.close()
	fill(t, w)
	now(t, s, Ready{key, EventRead})
	empty(t, r)
	idle(t, s)
	blocked := startSelect(s, Forever)
	stillBlocked(t, blocked)
	wakeup(t, s)
	wants(t, end(t, blocked))
}

// Who has many selectors with a descriptor each pays for what is registered.
func TestAnEpollSelectorWithOneRegistrationTakesAKilobyte(t *testing.T) {
	const n, groups, limit = 20, 6, 1024
	r, _ := pipe(t)
	var kept [n * groups]*EpollSelector
	defer func() {
		for _, s := range kept {
			s.Close()
		}
	}()
	// Some groups also pay for what all share, or for what the runtime needs itself.
	least := int64(math.MaxInt64)
	for group := range groups {
		before := heap()
		for i := range n {
			s, err := NewEpollSelector()
			if err != nil {
				t.Fatal(err)
			}
			kept[group*n+i] = s
			register(t, s, r.fd, EventRead, nil)
			s.Select(1)
		}
		least = min(least, (heap()-before)/n)
	}
	if least > limit {
		t.Errorf("%d bytes each, want at most %d", least, limit)
	}
}
