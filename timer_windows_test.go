// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// A fakeWaitPackets stands for the kernel's wait completion packets, which Wine
// 8 lacks. A packet is an event that ends the wait for its timer.
type fakeWaitPackets struct {
	early, lost       bool // the packet comes at once, or never
	refuse            bool
	associated, freed atomic.Int64
	waits             sync.WaitGroup
}

// A callback is a function that the package calls as the system's.
type callback uintptr

func (c callback) Find() error   { return nil }
func (c callback) Addr() uintptr { return uintptr(c) }

// The callbacks are never freed: there is one set for all tests.
var fakeCalls = sync.OnceValue(func() [3]callback {
	return [3]callback{
		callback(windows.NewCallback(func(packet *windows.Handle, access, attributes uintptr) uintptr {
			var err error
			*packet, err = windows.CreateEvent(nil, 0, 0, nil)
			if err != nil {
				return uintptr(windows.STATUS_NO_MEMORY)
			}
			return 0
		})),
		callback(windows.NewCallback(func(packet, port, timer windows.Handle, key, context, status, information uintptr, signaled *byte) uintptr {
			return theFake.associate(packet, port, timer, key)
		})),
		callback(windows.NewCallback(func(packet windows.Handle, remove uintptr) uintptr {
			theFake.freed.Add(1)
			windows.SetEvent(packet)
			return 0
		})),
	}
})

var theFake *fakeWaitPackets

func (f *fakeWaitPackets) associate(packet, port, timer windows.Handle, key uintptr) uintptr {
	if f.refuse {
		return uintptr(windows.STATUS_INVALID_PARAMETER)
	}
	f.associated.Add(1)
	windows.ResetEvent(packet)
	f.waits.Add(1)
	go func() {
		defer f.waits.Done()
		if f.lost {
			return
		}
		which := uint32(windows.WAIT_OBJECT_0)
		if !f.early {
			which, _ = windows.WaitForMultipleObjects([]windows.Handle{timer, packet}, false, windows.INFINITE)
		}
		if which == windows.WAIT_OBJECT_0 {
			windows.PostQueuedCompletionStatus(port, 0, key, nil)
		}
	}()
	return 0
}

// withWaitPackets returns a selector that has a timer.
func withWaitPackets(t *testing.T, f *fakeWaitPackets) *IOCPSelector {
	create, associate, cancel := createWaitPacket, associateWaitPacket, cancelWaitPacket
	calls := fakeCalls()
	createWaitPacket, associateWaitPacket, cancelWaitPacket = calls[0], calls[1], calls[2]
	theFake = f
	s := newIOCP(t)
	t.Cleanup(func() {
		s.Close()
		f.waits.Wait()
		createWaitPacket, associateWaitPacket, cancelWaitPacket = create, associate, cancel
	})
	if s.port.timer.timer == 0 {
		t.Fatal("the selector has no timer")
	}
	return s
}

// waits waits for a time, and returns how often it went into the kernel.
func waits(t *testing.T, s *IOCPSelector, d time.Duration) int64 {
	t.Helper()
	turns := observe(s).turns.Load
	begin := monotonic()
	if a := end(t, startSelect(s, d)); len(a.ready) != 0 || a.err != nil {
		t.Fatal(format(a.ready), a.err)
	}
	if took := monotonic() - begin; took < d {
		t.Errorf("a wait of %v took %v", d, took)
	}
	return turns()
}

func TestATimerEndsAWait(t *testing.T) {
	f := &fakeWaitPackets{}
	s := withWaitPackets(t, f)
	n := int64(0)
	for _, d := range []time.Duration{1, time.Microsecond, time.Millisecond, 30 * time.Millisecond} {
		n += waits(t, s, d)
	}
	if a := f.associated.Load(); a != n {
		t.Errorf("%d timers for %d waits", a, n)
	}
	a, b := tcpPair(t)
	key := register(t, s, a, EventRead, nil)
	for range 20 {
		c := startSelect(s, hang)
		send(t, b)
		wants(t, end(t, c), Ready{key, EventRead})
		receive(t, a)
		wakeup(t, s)
		wants(t, end(t, startSelect(s, hang)))
	}
	if a, b := f.associated.Load(), f.freed.Load(); a != b {
		t.Errorf("%d timers were armed, %d disarmed", a, b)
	}
}

func TestATimerThatComesEarlyEndsNoWaitEarly(t *testing.T) {
	s := withWaitPackets(t, &fakeWaitPackets{early: true})
	// Else the timer's packet has not come.
	if n := waits(t, s, 50*time.Millisecond); n < 3 {
		t.Errorf("%d turns", n)
	}
}

func TestWithoutATimerAWaitEndsByItsTimeout(t *testing.T) {
	f := &fakeWaitPackets{refuse: true}
	s := withWaitPackets(t, f)
	waits(t, s, 30*time.Millisecond)
	if n := f.freed.Load(); n != 0 {
		t.Errorf("%d timers were disarmed", n)
	}
	waits(t, withWaitPackets(t, &fakeWaitPackets{lost: true}), 30*time.Millisecond)
}

func TestANearerTimeoutHasTheTimer(t *testing.T) {
	f := &fakeWaitPackets{}
	s := withWaitPackets(t, f)
	c := startSelect(s, hang)
	waits(t, s, 30*time.Millisecond)
	if n := f.associated.Load(); n < 2 {
		t.Errorf("%d timers for two waits", n)
	}
	wakeup(t, s)
	wants(t, end(t, c))
	if a, b := f.associated.Load(), f.freed.Load(); a != b {
		t.Errorf("%d timers were armed, %d disarmed", a, b)
	}
}

// A look takes all packets: the wait that has lost its timer's ends all the same.
func TestALookMayTakeATimersPacket(t *testing.T) {
	f := &fakeWaitPackets{early: true}
	s := withWaitPackets(t, f)
	const d = 50 * time.Millisecond
	begin := monotonic()
	c := startSelect(s, d)
	eventually("the end", func() bool {
		now(t, s)
		return len(c) != 0
	})
	wants(t, end(t, c))
	if took := monotonic() - begin; took < d {
		t.Errorf("a wait of %v took %v", d, took)
	}
}
