// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"net"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

func TestANarrowedMaskLeavesOutWhatItHasNot(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		register(t, s, a, EventRead|EventPriority, nil)
		now(t, s)
		c := startSelect(s, Forever)
		key := modify(t, s, a, EventPriority, nil)
		send(t, b)
		stillBlocked(t, c)
		sendUrgent(t, b)
		wants(t, end(t, c), Ready{key, EventPriority})
		key = modify(t, s, a, EventRead|EventPriority, nil)
		now(t, s, Ready{key, EventRead | EventPriority})
	})
}

// reopen opens handles until one has the number of a closed one, and closes the
// others. It reports false where another thread was quicker, which may open a
// handle at any time.
func reopen(t testing.TB, number windows.Handle, open func() (windows.Handle, error)) bool {
	t.Helper()
	var others []windows.Handle
	defer func() {
		for _, h := range others {
			windows.CloseHandle(h)
		}
	}()
	for range 1000 {
		h, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if h == number {
			return true
		}
		others = append(others, h)
	}
	return false
}

// bound returns a datagram socket on a port of 127.0.0.1.
func bound(port int) (windows.Handle, error) {
	h, err := newSocket()
	if err == nil {
		err = windows.Bind(h, &windows.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	}
	return h, err
}

// Nothing but its number tells a socket: a server that listens once more has the
// addresses of the closed one too.
func TestANarrowedMaskTakesTheSocketThatTheNumberNamesByNow(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var h windows.Handle
		var address *net.UDPAddr
		eventually("the number of a closed socket", func() (ok bool) {
			var err error
			if h, err = bound(0); err != nil {
				t.Fatal(err)
			}
			address = datagramSocket(h).LocalAddr().(*net.UDPAddr)
			register(t, s, h, EventRead|EventPriority, nil)
			now(t, s)
			windows.Closesocket(h)
			if ok = reopen(t, h, newSocket); !ok {
				unregister(t, s, h)
			}
			return ok
		})
		defer windows.Closesocket(h)
		if err := windows.Bind(h, &windows.SockaddrInet4{Port: address.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		key := modify(t, s, h, EventRead, nil)
		now(t, s)
		sender, err := bound(0)
		if err != nil {
			t.Fatal(err)
		}
		defer windows.Closesocket(sender)
		if _, err := datagramSocket(sender).WriteTo([]byte("x"), address); err != nil {
			t.Fatal(err)
		}
		soon(t, s, Ready{key, EventRead})
	})
}

// The kernel's word that the old socket was closed is in the hands of a wait.
func TestAWaitsPacketOfAClosedSocketIsNothingToTheOneThatHasItsNumber(t *testing.T) {
	s := newIOCP(t)
	var h windows.Handle
	var address *net.UDPAddr
	eventually("the number of a closed socket", func() (ok bool) {
		var err error
		if h, err = bound(0); err != nil {
			t.Fatal(err)
		}
		address = datagramSocket(h).LocalAddr().(*net.UDPAddr)
		register(t, s, h, EventRead|EventPriority, nil)
		now(t, s)
		windows.Closesocket(h)
		if _, err := s.wait(hang); err != nil {
			t.Fatal(err)
		}
		if ok = reopen(t, h, newSocket); !ok {
			s.take(nil)
			unregister(t, s, h)
		}
		return ok
	})
	defer windows.Closesocket(h)
	if err := windows.Bind(h, &windows.SockaddrInet4{Port: address.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	key := modify(t, s, h, EventRead, nil)
	if _, err := datagramSocket(h).WriteTo([]byte("x"), address); err != nil {
		t.Fatal(err)
	}
	if ready, err := s.take(nil); len(ready) != 0 || err != nil {
		t.Fatal(format(ready), err)
	}
	soon(t, s, Ready{key, EventRead})
}

// A request about a handle of the driver's that is no socket ends Wine's server.
func TestHandlesOfTheDriverAreNoSockets(t *testing.T) {
	s := newIOCP(t)
	for _, g := range s.port.groups {
		if _, err := s.Register(g.handle, EventRead, nil); !errors.Is(err, windows.WSAENOTSOCK) {
			t.Fatal(err)
		}
	}
	other := newIOCP(t)
	var h windows.Handle
	var peer *net.TCPConn
	eventually("the number of a closed socket", func() (ok bool) {
		h, peer = connected(t)
		register(t, s, h, EventWrite, nil)
		now(t, s, Ready{get(t, s, h), EventWrite})
		windows.Closesocket(h)
		for range 100 {
			if err := other.port.createGroup(); err != nil {
				t.Fatal(err)
			}
			if other.port.groups[len(other.port.groups)-1].handle == h {
				return true
			}
		}
		unregister(t, s, h)
		return false
	})
	idle(t, s)
	if _, err := s.Modify(h, EventRead, nil); !errors.Is(err, windows.WSAENOTSOCK) {
		t.Fatal(err)
	}
	key := register(t, s, peer, EventWrite, nil)
	now(t, s, Ready{key, EventWrite})
}

// A registration for which there is no room takes no packets away from a leader, which
// would sleep through what they tell.
func TestARegistrationTakesNoPacketsAwayFromTheLeader(t *testing.T) {
	s := newIOCP(t)
	register(t, s, writable(t), EventWrite, nil)
	s.mu.Lock()
	s.inside = true // the leader is on its way into the kernel
	s.mu.Unlock()
	for _, c := range writables(t, 2*groupSize) {
		register(t, s, c, EventRead, nil)
	}
	s.mu.Lock()
	s.inside = false
	s.mu.Unlock()
	if packets, err := s.port.receive(nil, settle); len(packets) == 0 || err != nil {
		t.Fatalf("%d packets, %v", len(packets), err)
	}
}

// A registration for which there is no room takes the packets that are there.
func TestARegistrationTakesNoWakeupAwayFromTheLeader(t *testing.T) {
	s := newIOCP(t)
	s.mu.Lock()
	s.inside, s.signalled = true, true // the leader is on its way into the kernel
	err := s.wake()
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range writables(t, 2*groupSize) {
		register(t, s, c, EventRead, nil)
	}
	s.mu.Lock()
	s.inside, s.signalled = false, false
	s.mu.Unlock()
	packets, err := s.port.receive(nil, 0)
	if err != nil || !slices.ContainsFunc(packets, func(p overlappedEntry) bool { return p.key == wakeKey }) {
		t.Fatalf("no wake-up among %d packets, %v", len(packets), err)
	}
}

// Nor must who registers and unregisters wait for the leader to take what is cancelled.
func TestRegisteringBesideALeaderUsesNoMoreAndMore(t *testing.T) {
	s := newIOCP(t)
	s.mu.Lock()
	s.inside = true // the leader is on its way into the kernel
	s.mu.Unlock()
	c := writable(t)
	for range 20 * groupSize {
		register(t, s, c, EventRead, nil)
		unregister(t, s, c)
	}
	s.mu.Lock()
	s.inside = false
	s.mu.Unlock()
	if n := len(s.port.groups); n > 3 {
		t.Errorf("%d handles for one registration", n)
	}
}

func TestHandlesThatNobodyNeedsAreClosed(t *testing.T) {
	s := newIOCP(t)
	var conns []*net.TCPConn
	for range 5 * groupSize {
		a, _ := tcpPair(t)
		register(t, s, a, EventWrite, nil)
		conns = append(conns, a)
	}
	s.Select(0) // what is asked for next is gone then
	for _, c := range conns {
		unregister(t, s, c)
	}
	now(t, s)
	if n := len(s.port.groups); n > 2 {
		t.Errorf("%d handles are left", n)
	}
	key := register(t, s, conns[0], EventWrite, nil)
	now(t, s, Ready{key, EventWrite})
}

// Who has paused reading hears of a reset, behind however much data.
func TestAResetBehindUnreadDataIsAHangup(t *testing.T) {
	s := newIOCP(t)
	a, b := tcpPair(t)
	key := register(t, s, a, EventHangup, nil)
	c := startSelect(s, Forever)
	for buf := make([]byte, 1<<16); ; {
		if _, err := TryWrite(b, buf); errors.Is(err, ErrWouldBlock) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	// Wine 10 writes the rest of a send in the background, by a duplicate of the
	// socket, so that closing resets nothing before that is done (sock_send in its
	// dlls/ntdll/unix/socket.c). It is done when there is room for a byte.
	eventually("room", func() bool {
		TryRead(a, make([]byte, 1<<16))
		n, _ := TryWrite(b, make([]byte, 1))
		return n == 1
	})
	stillBlocked(t, c)
	b.SetLinger(0)
	b.Close()
	wants(t, end(t, c), Ready{key, EventHangup})
	now(t, s, Ready{key, EventHangup})
	key = modify(t, s, a, EventRead|EventHangup, nil)
	now(t, s, Ready{key, EventRead | EventHangup})
}

// openHandles returns a function that tells whether the handles of a selector
// are open. It doesn't keep the selector.
func openHandles(s Selector) func() bool {
	if s, ok := s.(*SelectSelector); ok {
		waker := datagramSocket(s.waker.socket)
		address := waker.LocalAddr().String()
		return func() bool {
			by := waker.LocalAddr() // it may be somebody else's by now
			return by != nil && by.String() == address
		}
	}
	port := s.(*IOCPSelector).port
	handle, group := port.handle, afdGroup{handle: port.groups[0].handle}
	return func() bool {
		return windows.PostQueuedCompletionStatus(handle, 0, wakeKey, nil) == nil || group.configure() == nil
	}
}

func TestASelectorThatIsDroppedGivesItsHandlesBack(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			a, b := tcpPair(t)
			var open []func() bool
			func() {
				for range 10 {
					s, err := tt.open()
					if err != nil {
						t.Fatal(err)
					}
					register(t, s, a, EventRead, nil)
					register(t, s, b, EventWrite, nil)
					if ready, err := s.Select(0); err != nil || len(ready) != 1 {
						t.Fatalf("%v, %v", format(ready), err)
					}
					open = append(open, openHandles(s))
					if !open[len(open)-1]() {
						t.Fatal("the handles are not known to be open")
					}
				}
			}()
			within(t, "giving back", func() {
				for _, open := range open {
					for open() {
						runtime.GC()
					}
				}
			})
		})
	}
}

// Packets that the selector doesn't wait for harm nobody.
func TestForeignPacketsAreNothing(t *testing.T) {
	s := newIOCP(t)
	a, b := tcpPair(t)
	key := register(t, s, a, EventRead, nil)
	turns := observe(s).turns.Load
	post := func() {
		for k := range 10 {
			err := windows.PostQueuedCompletionStatus(s.port.handle, 7, []uintptr{wakeKey, timerKey, 1000}[k%3], new(windows.Overlapped))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	post()
	idle(t, s)
	if n := s.port.inFlight.Load(); n != 1 {
		t.Errorf("%d requests of one socket", n)
	}
	c := startSelect(s, Forever)
	post()
	stillBlocked(t, c)
	send(t, b)
	wants(t, end(t, c), Ready{key, EventRead})
	receive(t, a)
	wakeup(t, s)
	wants(t, end(t, startSelect(s, Forever)))
	if n := turns(); n > 40 {
		t.Errorf("%d turns", n)
	}
}

// Somebody closed a handle that isn't his.
func TestASelectorWhoseOwnHandleIsClosedFails(t *testing.T) {
	fails := func(t *testing.T, s Selector) {
		t.Helper()
		var se *os.SyscallError
		for range 2 {
			a := end(t, startSelect(s, hang))
			if a.err == nil || !errors.As(a.err, &se) {
				t.Fatalf("%v, %v", format(a.ready), a.err)
			}
		}
	}
	t.Run("port", func(t *testing.T) {
		s := newIOCP(t)
		windows.CloseHandle(s.port.handle)
		fails(t, s)
		s.port.handle = windows.InvalidHandle // Close must not close somebody else's
	})
	t.Run("driver", func(t *testing.T) {
		s := newIOCP(t)
		h, _ := connected(t)
		defer windows.Closesocket(h)
		key := register(t, s, h, EventWrite, nil)
		now(t, s, Ready{key, EventWrite})
		s.port.groups[0].close()
		fails(t, s)
		s.port.groups[0].handle = windows.InvalidHandle // as above
	})
	t.Run("waker", func(t *testing.T) {
		s, err := NewSelectSelector()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		windows.Closesocket(s.waker.socket)
		fails(t, s)
		s.resources = nothing{} // as above
	})
	t.Run("waker of a blocked wait", func(t *testing.T) {
		s, err := NewSelectSelector()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c := startSelect(s, Forever)
		time.Sleep(settle) // on the way into the kernel
		windows.Closesocket(s.waker.socket)
		if a := end(t, c); !errors.Is(a.err, windows.WSAENOTSOCK) {
			t.Fatalf("%v, %v", format(a.ready), a.err)
		}
		s.resources = nothing{} // as above
	})
}

func TestForeignDatagramsInTheWakerAreDrained(t *testing.T) {
	s, err := NewSelectSelector()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	turns := observe(s).turns.Load
	foreign := func() {
		for n := range 10 {
			buf := windows.WSABuf{Len: uint32(n), Buf: &make([]byte, 10)[0]}
			if err := windows.WSASend(s.waker.socket, &buf, 1, new(uint32), 0, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	foreign()
	idle(t, s)
	c := startSelect(s, Forever)
	for range 3 {
		foreign()
		stillBlocked(t, c)
	}
	wakeup(t, s)
	wants(t, end(t, c))
	idle(t, s)
	if n := turns(); n > 100 {
		t.Errorf("%d turns", n)
	}
}

// Nothing but the clock says that a timeout is over, and who rounds down goes
// round until it is.
func TestAWaitOfAnyLengthSleeps(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		b := observe(s)
		for _, d := range []time.Duration{1, 999, time.Microsecond, 500 * time.Microsecond, 999999, 2*time.Millisecond - 1} {
			const waits = 10
			before := b.turns.Load()
			for range waits {
				begin := monotonic()
				if ready, err := s.Select(d); len(ready) != 0 || err != nil {
					t.Fatal(format(ready), err)
				}
				if took := monotonic() - begin; took < d {
					t.Errorf("a wait of %v took %v", d, took)
				}
			}
			// The kernel counts from its last tick, so that a wait may go on once.
			if n := b.turns.Load() - before; n > 2*waits {
				t.Errorf("%d turns of %d waits of %v", n, waits, d)
			}
		}
	})
}
