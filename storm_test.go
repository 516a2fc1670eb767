// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
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
	t     *testing.T
	s     Selector
	clock atomic.Int64
	over  atomic.Bool
}

// watch selects until the storm is over.
func (m *storm) watch(wait func() ([]Ready, error)) {
	for !m.over.Load() {
		began := m.clock.Add(1)
		ready, err := wait()
		if err != nil {
			m.t.Errorf("Select: %v", err)
			return
		}
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

func (m *storm) register(fileobj any, events EventMask) *record {
	rec := &record{reported: make(chan EventMask, 1)}
	if _, err := m.s.Register(fileobj, events, rec); err != nil {
		m.t.Errorf("Register: %v", err)
	}
	return rec
}

func (m *storm) unregister(fileobj any, rec *record) {
	if _, err := m.s.Unregister(fileobj); err != nil {
		m.t.Errorf("Unregister: %v", err)
	}
	rec.gone.Store(m.clock.Add(1))
}

// expect waits until rec is reported with an event.
func (m *storm) expect(rec *record, event EventMask) {
	timeout := time.After(hang)
	for {
		select {
		case got := <-rec.reported:
			if got&event != 0 {
				return
			}
		case <-timeout:
			m.t.Errorf("%v is lost", event)
			return
		}
	}
}

// run lets workers do their rounds while others select, for a while.
func (m *storm) run(workers ...func()) {
	length := 700 * time.Millisecond
	if testing.Short() {
		length = 100 * time.Millisecond
	}
	var watchers, working sync.WaitGroup
	for range 2 {
		watchers.Go(func() { m.watch(func() ([]Ready, error) { return m.s.Select(Forever) }) })
	}
	watchers.Go(func() { m.watch(func() ([]Ready, error) { return m.s.SelectContext(context.Background()) }) })
	watchers.Go(func() {
		var dst []Ready
		m.watch(func() (_ []Ready, err error) {
			dst, err = m.s.AppendReady(dst[:0], 100*time.Microsecond)
			return dst, err
		})
	})
	begin := time.Now()
	for _, round := range workers {
		working.Go(func() {
			for time.Since(begin) < length && !m.t.Failed() {
				round()
			}
		})
	}
	within(m.t, "a worker", working.Wait)
	m.over.Store(true)
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		watchers.Wait()
	}()
	for begin := time.Now(); ; {
		m.s.Wakeup()
		select {
		case <-stop:
			if n := m.s.GetMap().Len(); n != 0 && !m.t.Failed() {
				m.t.Errorf("%d keys are left", n)
			}
			return
		case <-time.After(time.Millisecond):
			if time.Since(begin) > hang {
				m.t.Fatal("a wait hangs")
			}
		}
	}
}

func TestNothingIsLostOrReportedLateInAStorm(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := &storm{t: t, s: s}
		var workers []func()
		for range 3 {
			a, b := tcpPair(t)
			workers = append(workers, func() {
				rec := m.register(a, EventRead)
				send(t, b)
				m.expect(rec, EventRead)
				if key, err := s.Modify(a, EventWrite, rec); err != nil || key.Data != any(rec) {
					t.Errorf("Modify = %v, %v", key, err)
				}
				m.expect(rec, EventWrite)
				m.unregister(a, rec)
				receive(t, a)
			})
			workers = append(workers, func() {
				c := writable(t) // a new socket, most often with an old number
				rec := m.register(c, EventRead|EventWrite)
				m.expect(rec, EventWrite)
				m.unregister(c, rec)
				c.Close()
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
			wakeup(t, s)
			time.Sleep(time.Millisecond)
		})
		m.run(workers...)
	})
}
