// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

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
