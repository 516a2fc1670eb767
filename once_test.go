// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAKeyWithEventOnceIsReturnedOnceAndRestsUntilModify(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		send(t, b)
		key := register(t, s, a, EventRead|EventWrite|EventOnce, "data")
		if key.Events != EventRead|EventWrite|EventOnce {
			t.Errorf("the key has %v", key.Events)
		}
		key = soonOnce(t, s, key, EventRead|EventWrite)
		now(t, s)
		idle(t, s)

		// Whatever happens meanwhile.
		send(t, b)
		waiting := startSelect(s, Forever)
		send(t, b)
		stillBlocked(t, waiting)
		if got, err := s.GetKey(a); got != key || err != nil {
			t.Errorf("GetKey = %v, %v", got, err)
		}
		if got, ok := s.GetMap().Get(a); got != key || !ok || s.GetMap().Len() != 1 {
			t.Errorf("the map has %v, %v", got, ok)
		}
		if _, err := s.Register(a, EventRead, nil); !errors.Is(err, ErrRegistered) {
			t.Errorf("Register = %v", err)
		}

		// The same mask arms it, in a wait that is blocked as well.
		key = modify(t, s, a, EventRead|EventWrite|EventOnce, "data")
		wants(t, end(t, waiting), Ready{key, EventRead | EventWrite})
		now(t, s)

		// Without EventOnce it is as any other.
		key = modify(t, s, a, EventRead, nil)
		for range 3 {
			now(t, s, Ready{key, EventRead})
		}
		key = modify(t, s, a, EventRead|EventOnce, nil)
		now(t, s, Ready{key, EventRead})
		now(t, s)
		if got := unregister(t, s, a); got != key {
			t.Errorf("Unregister = %v", got)
		}
		key = register(t, s, a, EventRead|EventOnce, nil)
		now(t, s, Ready{key, EventRead})
		now(t, s)
	})
}

// soonOnce waits for one report. The events may come one after the other, since a
// connection on the loopback needs some time too. It returns the key of the last.
func soonOnce(t *testing.T, s Selector, key *SelectorKey, events EventMask) *SelectorKey {
	t.Helper()
	for got := EventMask(0); got != events; {
		a := end(t, startSelect(s, hang))
		if a.err != nil || len(a.ready) != 1 || a.ready[0].Key.FD != key.FD || a.ready[0].Events&^events != 0 || a.ready[0].Events == 0 {
			t.Fatalf("the wait ended with %v, %v, want %v of %v", format(a.ready), a.err, events, key)
		}
		if got |= a.ready[0].Events; got != events {
			key = modify(t, s, key.FD, events&^got|EventOnce, key.Data)
		}
	}
	return key
}

func TestAHangupThatCameWhileAKeyRestedIsToldAfterModify(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		send(t, b)
		key := register(t, s, a, EventRead|EventOnce, nil)
		soon(t, s, Ready{key, EventRead})
		receive(t, a)
		b.Close()
		idle(t, s)
		waiting := startSelect(s, Forever)
		stillBlocked(t, waiting)
		key = modify(t, s, a, EventRead|EventOnce, nil)
		wants(t, end(t, waiting), Ready{key, EventRead})
		idle(t, s)
	})
}

// A key rests beside others that don't, and costs a wait nothing.
func TestAKeyThatRestsCostsAWaitNothing(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		send(t, b)
		key := register(t, s, a, EventRead|EventOnce, nil)
		soon(t, s, Ready{key, EventRead})
		c, d := tcpPair(t)
		other := register(t, s, c, EventRead, nil)
		o := observe(s)
		waiting := startSelect(s, Forever)
		for range 20 {
			send(t, b)
		}
		stillBlocked(t, waiting)
		send(t, d)
		wants(t, end(t, waiting), Ready{other, EventRead})
		if n := o.turns.Load(); n > few {
			t.Errorf("%d turns of a wait beside a key that rests", n)
		}
		receive(t, c)
		// As many rounds as a wait has time for, none of which is its own.
		n := rounds(1000, 10_000, 1_000_000)
		dst := make([]Ready, 0, 4)
		for range n {
			if ready, err := s.AppendReady(dst, 0); len(ready) != 0 || err != nil {
				t.Fatal(format(ready), err)
			}
		}
	})
}

func TestADescriptorThatIsClosedWhileItsKeyRests(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		send(t, b)
		fd := fdOf(t, a)
		key := register(t, s, fd, EventRead|EventOnce, nil)
		soon(t, s, Ready{key, EventRead})
		a.Close()
		idle(t, s)
		if _, err := s.Modify(fd, EventRead|EventOnce, nil); err == nil {
			t.Error("Modify of a closed descriptor")
		}
		if _, err := s.GetKey(fd); !errors.Is(err, ErrNotRegistered) {
			t.Errorf("GetKey = %v", err)
		}

		c, d := tcpPair(t)
		send(t, d)
		fd = fdOf(t, c)
		key = register(t, s, fd, EventRead|EventOnce, nil)
		soon(t, s, Ready{key, EventRead})
		c.Close()
		if got := unregister(t, s, fd); got != key {
			t.Errorf("Unregister = %v", got)
		}
		idle(t, s)
	})
}

// All who wait on one selector share its connections, and none is handled by two of
// them at the same time.
func TestEventOnceGivesEachEventToOneGoroutine(t *testing.T) {
	const workers = 8
	conns, messages := rounds(20, 100, 100), rounds(1000, 10_000, 10_000)
	each(t, func(t *testing.T, s Selector) {
		type client struct {
			busy atomic.Bool
			buf  [64]byte
			seen int
		}
		var handled, wrong atomic.Int64
		want := int64(messages / conns * conns)
		var peers []*net.TCPConn
		for range conns {
			a, b := tcpPair(t)
			peers = append(peers, b)
			register(t, s, a, EventRead|EventOnce, new(client))
		}
		var group sync.WaitGroup
		for range workers {
			spawn(&group, func() {
				for {
					ready, err := s.Select(Forever)
					if err != nil {
						return
					}
					for _, r := range ready {
						c := r.Key.Data.(*client)
						if !c.busy.CompareAndSwap(false, true) || r.Events != EventRead {
							wrong.Add(1)
						}
						n, err := TryRead(r.Key.FileObj, c.buf[:])
						if err != nil {
							wrong.Add(1)
						}
						runtime.Gosched()
						c.seen += n
						c.busy.Store(false)
						if _, err := s.Modify(r.Key, EventRead|EventOnce, c); err != nil && !errors.Is(err, ErrClosed) {
							wrong.Add(1)
						}
						handled.Add(int64(n))
					}
				}
			})
		}
		within(t, "the exchange", func() {
			for range messages / conns {
				for _, peer := range peers {
					send(t, peer)
				}
			}
			for handled.Load() < want {
				time.Sleep(time.Millisecond)
			}
		})
		s.Close()
		group.Wait()
		if handled.Load() != want || wrong.Load() != 0 {
			t.Errorf("%d bytes of %d, and %d times something was wrong", handled.Load(), want, wrong.Load())
		}
	})
}

// A key that is armed while many wait ends one of the waits.
func TestEventOnceIsArmedWhileOthersWait(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const waits = 4
		a, b := tcpPair(t)
		send(t, b)
		key := register(t, s, a, EventRead|EventOnce, nil)
		soon(t, s, Ready{key, EventRead})
		answers := make(chan answer, 100)
		var group sync.WaitGroup
		for range waits {
			spawn(&group, func() {
				for {
					ready, err := s.Select(Forever)
					if err != nil {
						return
					}
					answers <- answer{ready, err}
				}
			})
		}
		eventually("all wait", func() bool { return blocked(s) == waits })
		for range rounds(50, 200, 1000) {
			key = modify(t, s, a, EventRead|EventOnce, nil)
			wants(t, end(t, answers), Ready{key, EventRead})
		}
		time.Sleep(settle)
		if n := len(answers); n != 0 {
			t.Errorf("%d answers too many", n)
		}
		s.Close()
		group.Wait()
	})
}

func TestAKeyIsAFileObjectForItsOwnRegistration(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		key := register(t, s, c, EventWrite, "data")
		if got, err := s.GetKey(key); got != key || err != nil {
			t.Errorf("GetKey = %v, %v", got, err)
		}
		if got, ok := s.GetMap().Get(key); got != key || !ok {
			t.Errorf("the map has %v, %v", got, ok)
		}
		if _, err := s.Register(key, EventWrite, nil); !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("Register of a key: %v", err)
		}
		again := modify(t, s, key, EventRead|EventWrite, "new")
		if again.FileObj != any(c) || again.Data != "new" {
			t.Errorf("Modify = %v", again)
		}
		stale := func(key *SelectorKey, when string) {
			t.Helper()
			for _, call := range keyCalls[1:] {
				if err := call.do(s, key, EventWrite); !errors.Is(err, ErrNotRegistered) {
					t.Errorf("%s, %s of an old key: %v", when, call.name, err)
				}
			}
		}
		stale(key, "replaced by Modify")
		soon(t, s, Ready{again, EventWrite})
		if got := unregister(t, s, again); got != again {
			t.Errorf("Unregister = %v", got)
		}
		stale(again, "unregistered")
		next := register(t, s, c, EventWrite, nil)
		stale(again, "registered again")
		var none *SelectorKey
		for _, call := range keyCalls {
			if err := call.do(s, none, EventWrite); !errors.Is(err, ErrInvalidFileObj) {
				t.Errorf("%s of a nil key: %v", call.name, err)
			}
		}
		now(t, s, Ready{next, EventWrite})
		c.Close()
		if got := unregister(t, s, next); got != next {
			t.Errorf("Unregister of a closed one = %v", got)
		}
		s.Close()
		if _, err := s.GetKey(next); !errors.Is(err, ErrClosed) {
			t.Errorf("GetKey of a closed selector: %v", err)
		}
	})
}
