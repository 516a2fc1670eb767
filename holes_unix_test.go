// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An entrance is a backend whose waits stand still on their way in, with all that
// they take along prepared.
type entrance struct {
	backend
	gate    chan struct{} // closed: they go in
	reached atomic.Int64
}

func (b *entrance) wait(timeout time.Duration) (bool, error) {
	b.reached.Add(1)
	<-b.gate
	return b.backend.wait(timeout)
}

// guard puts an entrance before a selector's backend. It is called while nobody waits.
func guard(s Selector) *entrance {
	c := coreOf(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		old, ok := c.backend.(*entrance)
		if !ok {
			break
		}
		c.backend = old.backend
	}
	b := &entrance{backend: c.backend, gate: make(chan struct{})}
	c.backend = b
	return b
}

// A wait has room for what was registered when it began. More may come, and be ready
// when it goes into the kernel.
func TestABlockedSelectReturnsAllThatBecomeReadyByOneWrite(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		var duplicates []*ownFD
		for range many {
			duplicates = append(duplicates, dup(t, r, 0))
		}
		asksFd := []bool{false}
		if _, ok := s.(interface{ Fd() uintptr }); ok {
			asksFd = append(asksFd, true)
		}
		for _, fd := range asksFd {
			if fd {
				s.(interface{ Fd() uintptr }).Fd()
			}
			for _, once := range []EventMask{0, EventOnce} {
				for _, before := range []bool{true, false} {
					name := fmt.Sprintf("Fd was asked=%v, %v, registered before the wait=%v", fd, EventRead|once, before)
					b := guard(s)
					var want []Ready
					all := func() {
						for _, d := range duplicates {
							want = append(want, Ready{register(t, s, d.fd, EventRead|once, nil), EventRead})
						}
					}
					if before {
						all()
					}
					blocked := startSelect(s, Forever)
					await(t, &b.reached, 1)
					if !before {
						all()
					}
					fill(t, w)
					close(b.gate)
					a := end(t, blocked)
					if a.err != nil || !same(a.ready, want) {
						t.Errorf("%s: the wait ends with %d of %d, %v", name, len(a.ready), many, a.err)
					}
					if once == 0 {
						now(t, s, want...)
					}
					empty(t, r)
					idle(t, s)
					for _, d := range duplicates {
						unregister(t, s, d.fd)
					}
				}
			}
		}
	})
}

// The selector's own descriptors are numbers as any.
func TestRegisterOfASelectorsOwnDescriptorLeavesItsWaitsAsTheyWere(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			before := openDescriptors()
			s := open(t, tt)
			for _, fd := range openDescriptors() {
				if slices.Contains(before, fd) {
					continue
				}
				for _, early := range []bool{true, false} {
					var blocked <-chan answer
					if early {
						blocked = startSelect(s, Forever)
					}
					key, err := s.Register(fd, EventRead, nil)
					if (key == nil) != (err != nil) {
						t.Errorf("Register = %v, %v", key, err)
					}
					if !early {
						blocked = startSelect(s, Forever)
					}
					wakeup(t, s)
					if a := end(t, blocked); a.err != nil {
						t.Errorf("a wait ends with %v", a.err)
					}
					if key != nil {
						unregister(t, s, fd)
					}
					idle(t, s)
				}
			}
		})
	}
}

func TestWhatOthersWriteToTheWakerHoldsUpNoneOfTwoWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		own, ok := s.(interface{ wakerOf() *waker })
		if !ok {
			t.Skip("this selector is woken by an event of the kernel's")
		}
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		b := observe(s)
		for range 3 {
			blocked := startSelects(s, Forever, 2)
			for range 3 {
				if err := own.wakerOf().wake(); err != nil {
					t.Fatal(err)
				}
				stillBlocked(t, blocked)
			}
			fill(t, w)
			wants(t, end(t, blocked), Ready{key, EventRead})
			empty(t, r)
			if err := own.wakerOf().wake(); err != nil {
				t.Fatal(err)
			}
			wakeup(t, s)
			if a := end(t, blocked); a.err != nil {
				t.Errorf("the other wait ends with %v", a.err)
			}
			s.Select(0) // takes the Wakeup, if the other wait had ended by the event
			idle(t, s)
		}
		if n := b.turns.Load(); n > 3*few {
			t.Errorf("%d turns of six waits", n)
		}
	})
}

// withoutStandardFile runs f in a process without one of its standard files.
func withoutStandardFile(t *testing.T, fd int, f func()) {
	t.Helper()
	kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, 3)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	f()
	if err := unix.Dup2(kept, fd); err != nil {
		t.Error(err)
	}
	unix.Close(kept)
}

func TestNoDescriptorOfASelectorIsTheOnlyStandardOneThatIsMissing(t *testing.T) {
	if !inChild(t, nil) {
		return
	}
	for missing := range 3 {
		for _, tt := range selectorsUnderTest {
			stale := newStaleFD(t)
			var at []string
			var err error
			withoutStandardFile(t, missing, func() {
				err = ownDescriptors(tt, stale, func(what string) {
					if _, e := unix.FcntlInt(uintptr(missing), unix.F_GETFD, 0); e == nil {
						at = append(at, what)
					}
				})
			})
			if err != nil || at != nil {
				t.Errorf("%s: %d is open after %q; %v", tt.name, missing, at, err)
			}
		}
	}
}

// The lowest free number is none for a selector's own, and there may be no other.
func TestAConstructorWithNothingFreeButAStandardDescriptorFailsAndLeavesNoneBehind(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			if !inChild(t, nil) {
				return
			}
			r, _ := pipe(t)
			taken := takeAll(t, r)
			for missing := range 3 {
				kept := taken[len(taken)-1] // its number takes the standard file meanwhile
				if err := unix.Dup2(missing, kept.fd); err != nil {
					t.Fatal(err)
				}
				unix.Close(missing)
				var s Selector
				var errs []error
				var left [][]int
				for free := 0; free < 6; free++ {
					before := openDescriptors()
					var err error
					if s, err = tt.open(); err == nil {
						break
					}
					errs = append(errs, err)
					if after := openDescriptors(); !slices.Equal(before, after) {
						left = append(left, after)
					}
					taken[free].close()
				}
				if s != nil {
					s.Close()
				}
				if err := unix.Dup2(kept.fd, missing); err != nil {
					t.Fatal(err)
				}
				for i := range len(errs) {
					taken[i] = dup(t, r, 0)
				}
				if len(errs) == 0 || s == nil || left != nil {
					t.Errorf("without %d: %d failures (%v), then %v; left open %v", missing, len(errs), errs, s, left)
				}
				for _, err := range errs {
					var se *os.SyscallError
					if !errors.As(err, &se) || !errors.Is(err, unix.EMFILE) {
						t.Errorf("without %d: %v", missing, err)
					}
				}
			}
		})
	}
}

func TestATimedWaitNeedsNoDescriptorBelowTheSetsOfSelect(t *testing.T) {
	raiseLimit(t, setSize+100)
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		for _, d := range takeBelow(t, r, setSize) {
			defer d.close()
		}
		for range 3 {
			idle(t, s)
		}
		fill(t, w)
		ready, err := s.Select(hang)
		wants(t, answer{ready, err}, Ready{key, EventRead})
	})
}

// otherWakers runs tests with the wakers that other unixes have.
func otherWakers(t *testing.T, test func(t *testing.T)) {
	type opener = func(p []int, flags int) error
	event, pair := eventfd, pipe2
	defer func() { eventfd, pipe2 = event, pair }()
	eventfd = nil
	for _, p := range []struct {
		name string
		open opener
	}{{"pipe2", pair}, {"pipe", nil}} {
		pipe2 = p.open
		// It returns when the parallel tests inside have ended.
		t.Run(p.name, test)
	}
}

func TestWakersAsOtherUnixesHaveThem(t *testing.T) {
	otherWakers(t, func(t *testing.T) {
		t.Run("nobody blocked", TestWithNobodyBlockedTheNextWaitOfAnyKindTakesTheWakeup)
		t.Run("blocked", TestWakeupEndsABlockedWaitOfAnyKind)
		t.Run("several", TestWakeupEndsAtLeastOneOfSeveralBlockedWaits)
		t.Run("lost", TestNoWakeupIsLostBetweenAWaitsBeginningAndItsSleep)
		t.Run("others write", TestWhatOthersWriteToTheWakerIsDrained)
		t.Run("two waits", TestWhatOthersWriteToTheWakerHoldsUpNoneOfTwoWaits)
		t.Run("own", TestRegisterOfASelectorsOwnDescriptorLeavesItsWaitsAsTheyWere)
		t.Run("others close", TestAWaitWhoseDescriptorsWereClosedByOthersFails)
		t.Run("exec", TestEveryDescriptorThatASelectorOpensIsCloseOnExec)
		t.Run("close", TestDescriptorsAreBackToTheirNumberAfterClose)
		t.Run("EMFILE", TestAConstructorOutOfDescriptorsFailsAndLeavesNoneBehind)
		t.Run("standard", TestNoDescriptorOfASelectorIsAStandardOne)
		t.Run("one standard", TestNoDescriptorOfASelectorIsTheOnlyStandardOneThatIsMissing)
		t.Run("only standard", TestAConstructorWithNothingFreeButAStandardDescriptorFailsAndLeavesNoneBehind)
		t.Run("select", TestNewSelectSelectorWithAllLowDescriptorsTakenIsEINVAL)
		t.Run("full", TestAWakerThatIsFullWakes)
	})
}

// More wake-ups than the waker has room for are as good as one.
func TestAWakerThatIsFullWakes(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		own, ok := s.(interface{ wakerOf() *waker })
		if !ok {
			t.Skip("this selector is woken by an event of the kernel's")
		}
		k := own.wakerOf()
		b := observe(s)
		blocked := startSelect(s, Forever)
		core := coreOf(s)
		core.mu.Lock() // nobody drains it
		within(t, "a write to a full waker", func() {
			if k.r == k.w {
				unix.Write(k.w, binary.NativeEndian.AppendUint64(nil, math.MaxUint64-1)) // its largest count
			}
			for range 1 << 14 {
				if err := k.wake(); err != nil {
					t.Error(err)
					return
				}
			}
		})
		core.mu.Unlock()
		stillBlocked(t, blocked)
		wakeup(t, s)
		wants(t, end(t, blocked))
		idle(t, s)
		if n := b.turns.Load(); n > few {
			t.Errorf("%d turns of two waits", n)
		}
	})
}

// Nobody goes round for what was closed while it was registered, whether or not its
// file lives on in a duplicate and is ready.
func TestAWaitSleepsBesideADescriptorThatWasClosedWhileRegistered(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		for _, lives := range []bool{false, true} {
			for _, early := range []bool{true, false} { // closed before the wait
				b := observe(s)
				var blocked <-chan answer
				if !early {
					blocked = startSelect(s, Forever)
				}
				stale, staleW := pipe(t)
				register(t, s, stale.fd, EventRead, "stale")
				if lives {
					dup(t, stale, 0)
				}
				stale.close()
				if lives {
					unregister(t, s, stale.fd)
					fill(t, staleW)
				}
				if early {
					blocked = startSelect(s, Forever)
				}
				stillBlocked(t, blocked)
				stillBlocked(t, blocked)
				if n := b.turns.Load(); n > few {
					t.Errorf("its file lives on=%v, closed before the wait=%v: %d turns", lives, early, n)
				}
				fill(t, w)
				wants(t, end(t, blocked), Ready{key, EventRead})
				empty(t, r)
				if !lives {
					unregister(t, s, stale.fd)
				}
			}
		}
	})
}

// The clock of the systems whose waits can end before their time, with which the core
// counts there.
func TestWaitsAreLongEnoughByTheSystemsClock(t *testing.T) {
	clock := func() time.Duration {
		var now unix.Timespec
		if err := clockGettime(clockMonotonic, &now); err != nil {
			t.Error(err)
		}
		return time.Duration(now.Nano())
	}
	each(t, func(t *testing.T, s Selector) {
		coreOf(s).now = clock
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		for _, timeout := range []time.Duration{1, time.Microsecond, 999_999, 1_300_000, settle} {
			for _, beside := range []int{0, 2} {
				others := startSelects(s, Forever, beside)
				begin := clock()
				ready, err := s.Select(timeout)
				if took := clock() - begin; err != nil || len(ready) != 0 || took < timeout {
					t.Errorf("Select(%v) = %v, %v after %v", timeout, format(ready), err, took)
				}
				wakeup(t, s)
				for range beside {
					wants(t, end(t, others))
				}
				s.Select(0)
			}
		}
		blocked := startSelect(s, time.Hour)
		fill(t, w)
		wants(t, end(t, blocked), Ready{key, EventRead})
	})
}

// Systems whose older kernels don't know POLLRDHUP ask for it once.
func TestAskingForRDHUPAnswersAndLeavesNoDescriptorBehind(t *testing.T) {
	r, _ := pipe(t)
	before := openDescriptors()
	answer := askRDHUP()
	if answer == 0 || answer > 0 != tellsHangup() {
		t.Errorf("it says %d, and tellsHangup says %v", answer, tellsHangup())
	}
	if after := openDescriptors(); !slices.Equal(before, after) {
		t.Errorf("open descriptors: %v, before %v", after, before)
	}
	for free, d := range takeAll(t, r) {
		before := openDescriptors()
		answer := askRDHUP()
		if after := openDescriptors(); !slices.Equal(before, after) {
			t.Errorf("open descriptors: %v, before %v", after, before)
		}
		if answer != 0 {
			if free != 2 {
				t.Errorf("it says %d with %d free descriptors", answer, free)
			}
			break
		}
		d.close()
	}
}
