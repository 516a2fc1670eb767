// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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

// What is ready for so short that the wait doesn't see it makes some systems work
// out again what is left.
func TestEventsThatAreGoneAgainEndNoWaitEarly(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		register(t, s, r.fd, EventRead, nil)
		var stop atomic.Bool
		var group sync.WaitGroup
		spawn(&group, func() {
			for p := make([]byte, 1); !stop.Load(); {
				unix.Write(w.fd, p)
				unix.Read(r.fd, p)
				for begin := monotonic(); monotonic()-begin < 200*time.Microsecond; {
					runtime.Gosched()
				}
			}
		})
		const timeout = 5 * time.Millisecond
		for range 50 {
			begin := monotonic()
			ready, err := s.Select(timeout)
			if took := monotonic() - begin; err != nil || len(ready) == 0 && took < timeout {
				t.Errorf("Select(%v) = %v, %v after %v", timeout, format(ready), err, took)
			}
		}
		stop.Store(true)
		group.Wait()
	})
}

// signals sends signals to the process, or its threads, until the test ends.
func signals(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, unix.SIGUSR1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	spawn(&wg, func() {
		for {
			select {
			case <-stop:
				return
			default:
				sendSignal(unix.SIGURG) // the runtime's own
				sendSignal(unix.SIGUSR1)
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		wg.Wait()
		signal.Stop(caught)
	})
}

func TestASignalNeverEndsOrLengthensAWait(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		signals(t)
		check := func(timeout time.Duration) {
			t.Helper()
			begin := time.Now()
			within(t, "Select", func() {
				if ready, err := s.Select(timeout); len(ready) != 0 || err != nil {
					t.Errorf("Select(%v) = %v, %v", timeout, format(ready), err)
				}
			})
			if took := time.Since(begin); took < timeout {
				t.Errorf("Select(%v) took %v", timeout, took)
			}
		}
		for range 20 {
			check(0)
			check(time.Millisecond)
			check(1_300_000)
		}
		check(100 * time.Millisecond)
		blocked := startSelect(s, Forever)
		stillBlocked(t, blocked)
		wakeup(t, s)
		wants(t, end(t, blocked))
		blocked = startSelect(s, Forever)
		fill(t, w)
		wants(t, end(t, blocked), Ready{key, EventRead})
		now(t, s, Ready{key, EventRead})
	})
}

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

func TestADescriptorBeyondTheSetsOfSelectIsEINVAL(t *testing.T) {
	raiseLimit(t, max(setSize, 5000)+100)
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		fill(t, w)
		for _, least := range []int{setSize - 1, setSize, 5000} {
			d := dup(t, r, least)
			for d.fd >= setSize && least < setSize { // it is another one's
				d.close()
				least--
				d = dup(t, r, least)
			}
			key, err := s.Register(d.fd, EventRead, nil)
			if _, ok := s.(*SelectSelector); ok && d.fd >= setSize {
				refused(t, err, unix.EINVAL, "Register", "int", d.fd)
				if key != nil || s.GetMap().Len() != 0 {
					t.Error("there is a key")
				}
				now(t, s)
			} else {
				if err != nil {
					t.Fatal(err)
				}
				now(t, s, Ready{key, EventRead})
				blocked := startSelect(s, Forever)
				wants(t, end(t, blocked), Ready{key, EventRead})
				unregister(t, s, d.fd)
			}
			d.close()
		}
	})
}

func TestNewSelectSelectorWithAllLowDescriptorsTakenIsEINVAL(t *testing.T) {
	raiseLimit(t, setSize+100)
	r, _ := pipe(t)
	taken := takeBelow(t, r, setSize)
	before := openDescriptors()
	s, err := NewSelectSelector()
	var se *os.SyscallError
	if s != nil || !errors.As(err, &se) || !errors.Is(err, unix.EINVAL) {
		t.Errorf("NewSelectSelector = %v, %v", s, err)
	}
	if after := openDescriptors(); !slices.Equal(before, after) {
		t.Errorf("open descriptors: %v, before %v", after, before)
	}
	// One below FD_SETSIZE is enough for it to wait and to be woken, or it
	// says that it isn't.
	for i := range 3 {
		taken[i].close()
		s, err := NewSelectSelector()
		if err != nil {
			if !errors.Is(err, unix.EINVAL) {
				t.Error(err)
			}
			continue
		}
		blocked := startSelect(s, Forever)
		wakeup(t, s)
		wants(t, end(t, blocked))
		s.Close()
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
