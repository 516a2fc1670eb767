// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestChangesTakeEffectInABlockedSelectAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		quiet, _ := tcpPair(t)
		register(t, s, quiet, EventRead, nil)

		// Register of what is ready, or becomes so.
		c := writable(t)
		blocked := startSelect(s, Forever)
		key := register(t, s, c, EventWrite, nil)
		wants(t, end(t, blocked), Ready{key, EventWrite})
		unregister(t, s, c)

		a, b := tcpPair(t)
		blocked = startSelect(s, Forever)
		key = register(t, s, a, EventRead, nil)
		stillBlocked(t, blocked)
		send(t, b)
		wants(t, end(t, blocked), Ready{key, EventRead})
		receive(t, a)

		// Modify.
		blocked = startSelect(s, Forever)
		key = modify(t, s, a, EventWrite, "new")
		wants(t, end(t, blocked), Ready{key, EventWrite})
		modify(t, s, a, EventRead, nil)
		blocked = startSelect(s, Forever)
		key = modify(t, s, a, EventRead, "data alone")
		send(t, b)
		wants(t, end(t, blocked), Ready{key, EventRead})
		receive(t, a)

		// Unregister.
		blocked = startSelect(s, Forever)
		unregister(t, s, a)
		send(t, b)
		stillBlocked(t, blocked)
		key = register(t, s, c, EventWrite, nil)
		wants(t, end(t, blocked), Ready{key, EventWrite})
	})
}

func TestChangesNeverWaitForABlockedSelectToEnd(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		b, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		c := startSelects(s, Forever, 3)
		within(t, "a change", func() {
			for range 10 {
				register(t, s, b, EventRead, nil)
				modify(t, s, a, EventRead|EventWrite, nil)
				modify(t, s, a, EventRead, nil)
				s.GetKey(a)
				for range s.GetMap().All() {
				}
				unregister(t, s, b)
			}
		})
		// The mask that was there for a moment may have ended some of them.
		within(t, "Close", func() { s.Close() })
		for range cap(c) {
			if a := end(t, c); a.err != nil && !errors.Is(a.err, ErrClosed) {
				t.Errorf("Select: %v", a.err)
			}
		}
	})
}

func TestAChangeThatMakesNothingReadyEndsNoWait(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		b, _ := tcpPair(t)
		blocked := startSelect(s, Forever)
		for range 10 {
			register(t, s, a, EventRead, nil)
			register(t, s, b, EventRead, nil)
			modify(t, s, a, EventRead, "new")
			unregister(t, s, a)
			unregister(t, s, b)
		}
		stillBlocked(t, blocked)
		wakeup(t, s)
		wants(t, end(t, blocked))

		// Nor is a timeout shortened by changes.
		begin := time.Now()
		const timeout = 5 * settle
		blocked = startSelect(s, timeout)
		for len(blocked) == 0 {
			register(t, s, a, EventRead, nil)
			unregister(t, s, a)
			time.Sleep(timeout / 50)
		}
		wants(t, end(t, blocked))
		if took := time.Since(begin); took < timeout {
			t.Errorf("a wait of %v took %v", timeout, took)
		}
	})
}

func TestAReadyDescriptorIsReportedToAtLeastOneOfSeveralWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const n = 4
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		for range 10 {
			c := startSelects(s, Forever, n)
			send(t, b)
			wants(t, end(t, c), Ready{key, EventRead})
			receive(t, a)
			// The others may have seen it, too, or sleep.
			for range n - 1 {
				wakeup(t, s)
				if a := end(t, c); a.err != nil {
					t.Fatal(a.err)
				}
			}
			s.Select(0)
		}
	})
}

func TestOnceUnregisterHasReturnedNoLaterSelectReportsTheKey(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		send(t, b)
		other := register(t, s, writable(t), EventWrite, nil)
		for range 100 {
			key := register(t, s, a, EventRead|EventWrite, nil)
			ready, err := s.Select(hang)
			if err != nil || len(ready) == 0 {
				t.Fatalf("Select = %v, %v", format(ready), err)
			}
			if unregister(t, s, a) != key {
				t.Error("another key")
			}
			now(t, s, Ready{other, EventWrite})
			again := register(t, s, a, EventWrite, nil)
			soon(t, s, Ready{other, EventWrite}, Ready{again, EventWrite})
			unregister(t, s, a)
		}
	})
}

func TestABlockedSelectDoesNotKeepOtherGoroutinesFromRunning(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		b := observe(s)
		// How often another one runs meanwhile is a matter of time as well. A wait
		// that kept it from running would be sent a signal by the runtime, and let
		// it run once before it went in again.
		begin := time.Now()
		for timeout := 4 * settle; ; timeout *= 2 {
			turns := b.turns.Load()
			var begun, ended atomic.Bool
			go func() {
				begun.Store(true)
				s.Select(timeout)
				ended.Store(true)
			}()
			for !begun.Load() {
				runtime.Gosched()
			}
			progress := int64(0)
			for !ended.Load() {
				progress++
				runtime.Gosched()
			}
			turns = b.turns.Load() - turns
			if progress >= 100*turns {
				return
			}
			if time.Since(begin) > hang {
				t.Fatalf("another goroutine ran %d times during a wait of %v, which went into the kernel %d times", progress, timeout, turns)
			}
		}
	})
}

// The runtime takes its time to find out that a goroutine is in a system call.
func TestOthersRunBeforeASelectBlocks(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		b := observe(s)
		const rounds = 100
		before := 0
		for range rounds {
			turns := b.turns.Load()
			first := make(chan bool, 1)
			go func() { first <- b.turns.Load() == turns }()
			s.Select(100 * time.Microsecond)
			if <-first {
				before++
			}
		}
		// The scheduler may come back to the wait first, but not as a rule.
		if before < rounds/2 {
			t.Errorf("another goroutine ran before %d waits of %d", before, rounds)
		}
	})
}

// record is the data of a key in a storm.
type record struct {
	gone     atomic.Int64 // when Unregister had returned, 0 before
	reported chan EventMask
}

// A storm checks what a selector reports while registrations come and go: no
// key in a Select that began after its Unregister returned.
type storm struct {
	t      *testing.T
	s      Selector
	clock  atomic.Int64
	over   atomic.Bool
	fail   sync.Once
	failed chan struct{} // closed by fail
}

func newStorm(t *testing.T, s Selector) *storm {
	return &storm{t: t, s: s, failed: make(chan struct{})}
}

// watch selects until the storm is over.
func (m *storm) watch(wait func() ([]Ready, error)) {
	for !m.over.Load() {
		began := m.clock.Add(1)
		ready, err := wait()
		m.check(err)
		seen := make(map[*SelectorKey]bool)
		for _, r := range ready {
			rec := r.Key.Data.(*record)
			if gone := rec.gone.Load(); gone != 0 && gone < began {
				m.t.Errorf("%d is reported after Unregister", r.Key.FD)
			}
			if seen[r.Key] {
				m.t.Errorf("%d is reported twice", r.Key.FD)
			}
			seen[r.Key] = true
			if extra := r.Events &^ r.Key.Events; extra != 0 || r.Events == 0 {
				m.t.Errorf("%d is reported with %v, asked for %v", r.Key.FD, r.Events, r.Key.Events)
			}
			select {
			case rec.reported <- r.Events:
			default:
			}
		}
		runtime.Gosched()
	}
}

// check ends the goroutine of a worker or watcher for which something fails,
// and those that wait for what can't come any more.
func (m *storm) check(err error) {
	if err != nil {
		m.t.Error(err)
		m.fail.Do(func() { close(m.failed) })
		runtime.Goexit()
	}
}

func (m *storm) register(fileobj any, events EventMask) *record {
	rec := &record{reported: make(chan EventMask, 1)}
	_, err := m.s.Register(fileobj, events, rec)
	m.check(err)
	return rec
}

func (m *storm) unregister(fileobj any, rec *record) {
	_, err := m.s.Unregister(fileobj)
	m.check(err)
	rec.gone.Store(m.clock.Add(1))
}

// expect waits until rec is reported with an event.
func (m *storm) expect(rec *record, event EventMask) {
	within(m.t, fmt.Sprintf("a worker, for which %v was lost,", event), func() {
		for got := EventMask(0); got&event == 0; {
			select {
			case got = <-rec.reported:
			case <-m.failed:
				runtime.Goexit()
			}
		}
	})
}

// run lets workers do their rounds while others select, for a while.
func (m *storm) run(workers ...func()) {
	length := time.Duration(rounds(50, 100, 2000)) * time.Millisecond
	var watchers, working sync.WaitGroup
	for range 2 {
		spawn(&watchers, func() { m.watch(func() ([]Ready, error) { return m.s.Select(Forever) }) })
	}
	spawn(&watchers, func() { m.watch(func() ([]Ready, error) { return m.s.SelectContext(context.Background()) }) })
	spawn(&watchers, func() {
		var dst []Ready
		m.watch(func() (_ []Ready, err error) {
			dst, err = m.s.AppendReady(dst[:0], 100*time.Microsecond)
			return dst, err
		})
	})
	begin := time.Now()
	for _, round := range workers {
		spawn(&working, func() {
			for time.Since(begin) < length && !m.t.Failed() {
				round()
			}
		})
	}
	working.Wait()
	m.over.Store(true)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		watchers.Wait()
	}()
	within(m.t, "a wait", func() {
		for {
			m.s.Wakeup()
			select {
			case <-stopped:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	if n := m.s.GetMap().Len(); n != 0 && !m.t.Failed() {
		m.t.Errorf("%d keys are left", n)
	}
}

func TestNothingIsLostOrReportedLateInAStorm(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := newStorm(t, s)
		var workers []func()
		for range 3 {
			a, b := tcpPair(t)
			workers = append(workers, func() {
				rec := m.register(a, EventRead)
				_, err := b.Write([]byte("x"))
				m.check(err)
				m.expect(rec, EventRead)
				key, err := s.Modify(a, EventWrite, rec)
				m.check(err)
				if key.Data != any(rec) {
					t.Errorf("Modify = %v", key)
				}
				m.expect(rec, EventWrite)
				m.unregister(a, rec)
				_, err = a.Read(make([]byte, 1))
				m.check(err)
			})
			workers = append(workers, func() { // a new socket, most often with an old number
				c, peer, err := newPair()
				m.check(err)
				rec := m.register(c, EventRead|EventWrite)
				m.expect(rec, EventWrite)
				m.unregister(c, rec)
				c.SetLinger(0) // a port for each would be kept for a minute
				c.Close()
				peer.Close()
			})
		}
		workers = append(workers, func() {
			n := 0
			for fd, key := range s.GetMap().All() {
				if key.FD != fd {
					t.Errorf("%d has the key of %d", fd, key.FD)
				}
				n++
			}
			if n > 7 {
				t.Errorf("%d keys", n)
			}
			m.check(s.Wakeup())
			time.Sleep(time.Millisecond)
		})
		m.run(workers...)
	})
}
