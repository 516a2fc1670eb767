// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
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

// From when Fd was asked for the first time, waits block elsewhere.
func TestWaitsThatBeginAfterFdAreWoken(t *testing.T) {
	for _, tt := range []struct {
		name string
		ask  func(s *EpollSelector)
	}{
		{"Fd", func(s *EpollSelector) { s.Fd() }},
		{"Fd during a wait", func(s *EpollSelector) {
			blocked := startSelect(s, Forever)
			inKernel(s.set)
			s.Fd()
			stillBlocked(t, blocked)
			wakeup(t, s)
			wants(t, end(t, blocked))
		}},
		{"Fd during two waits", func(s *EpollSelector) {
			blocked := startSelects(s, Forever, 2)
			inKernel(s.set)
			s.Fd()
			stillBlocked(t, blocked)
			wakeup(t, s)
			for range 2 {
				wants(t, end(t, blocked))
			}
		}},
		{"a file that the kernel tells once", func(s *EpollSelector) {
			d := openFile(t, "/proc/self/mounts", unix.O_RDONLY)
			if _, err := s.Register(d.fd, EventPriority, nil); err == nil {
				unregister(t, s, d.fd)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := openEpoll(t)
			r, w := pipe(t)
			key := register(t, s, r.fd, EventRead, nil)
			tt.ask(s)
			for range 3 {
				for _, kind := range waitKinds {
					if strings.Contains(kind.name, "0") || strings.Contains(kind.name, "-1") {
						continue
					}
					blocked := start(s, func() ([]Ready, error) { return kind.wait(s) })
					stillBlocked(t, blocked)
					wakeup(t, s)
					wants(t, end(t, blocked))
				}
				idle(t, s)
				blocked := startSelect(s, Forever)
				fill(t, w)
				wants(t, end(t, blocked), Ready{key, EventRead})
				empty(t, r)
			}
			blocked := startSelect(s, Forever)
			s.Close()
			if a := end(t, blocked); !errors.Is(a.err, ErrClosed) {
				t.Errorf("Select = %v", a.err)
			}
		})
	}
}

func TestEpollRefusesItsOwnWakerWithEEXIST(t *testing.T) {
	for _, asked := range []bool{false, true} {
		for _, blocks := range []bool{false, true} {
			s := openEpoll(t)
			if asked {
				s.Fd()
			}
			var blocked <-chan answer
			if blocks {
				blocked = startSelect(s, Forever)
				inKernel(s.set)
			}
			for _, events := range []EventMask{EventRead, EventWrite | EventOnce, EventPriority} {
				key, err := s.Register(s.r, events, nil)
				refused(t, err, unix.EEXIST, "Register", "int", s.r)
				if key != nil || s.GetMap().Len() != 0 {
					t.Errorf("there is the key %v", key)
				}
			}
			if blocked == nil {
				blocked = startSelect(s, Forever)
			}
			wakeup(t, s)
			wants(t, end(t, blocked))
			idle(t, s)
		}
	}
}
