// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
	"weak"

	"golang.org/x/sys/windows"
)

var selectorsUnderTest = []selectorUnderTest{
	{"IOCPSelector", generic(NewIOCPSelector)},
	{"SelectSelector", generic(NewSelectSelector)},
}

// invalidNumbers returns numbers that can't be handles.
func invalidNumbers(int) []any {
	return []any{0, -1, int8(-1), int64(0), uint32(0), ^uintptr(0), namedInt(-1)}
}

// sendUrgent sends one byte of urgent data.
func sendUrgent(t testing.TB, c *net.TCPConn) {
	t.Helper()
	buf := windows.WSABuf{Len: 1, Buf: new(byte)}
	var sent uint32
	if err := windows.WSASend(windows.Handle(fdOf(t, c)), &buf, 1, &sent, 1 /* MSG_OOB */, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// Package net has no datagram sockets under Wine 8, which lacks an ioctl that
// net asks for (SIO_UDP_NETRESET).
func init() {
	situationListenUDP = func() (situationDatagram, error) { return newSelfBound() }
}

// A datagramSocket is a socket on 127.0.0.1.
type datagramSocket windows.Handle

func newSelfBound() (datagramSocket, error) {
	h, err := newSocket()
	if err != nil {
		return 0, err
	}
	if err := windows.Bind(h, &windows.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		windows.Closesocket(h)
		return 0, os.NewSyscallError("bind", err)
	}
	return datagramSocket(h), nil
}

func (d datagramSocket) WriteTo(b []byte, addr net.Addr) (int, error) {
	to := &windows.SockaddrInet4{Port: addr.(*net.UDPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	return len(b), windows.Sendto(windows.Handle(d), b, 0, to)
}

func (d datagramSocket) LocalAddr() net.Addr {
	sa, err := windows.Getsockname(windows.Handle(d))
	if err != nil {
		return nil
	}
	in := sa.(*windows.SockaddrInet4)
	return &net.UDPAddr{IP: in.Addr[:], Port: in.Port}
}

func (d datagramSocket) Close() error { return windows.Closesocket(windows.Handle(d)) }

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

// The kernel writes to the memory of a request until its packet has come.

// poison takes the memory that the collector has freed, of the sizes that the
// kernel writes to, and returns a function that says whether somebody else has
// written there.
func poison() func() bool {
	for range 3 {
		runtime.GC()
	}
	blocks := make([]*[unsafe.Sizeof(afdGroup{})]byte, 20000)
	for i := range blocks {
		blocks[i] = new([unsafe.Sizeof(afdGroup{})]byte)
		for k := range blocks[i] {
			blocks[i][k] = 0xa5
		}
	}
	return func() bool {
		for _, b := range blocks {
			for _, v := range b {
				if v != 0xa5 {
					return true
				}
			}
		}
		return false
	}
}

func TestTheKernelsMemoryOutlivesASelectorThatWasDropped(t *testing.T) {
	var peers []*net.TCPConn
	func() {
		for range 20 {
			s, err := NewIOCPSelector()
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				a, b := tcpPair(t)
				register(t, s, fdOf(t, a), EventRead, nil)
				peers = append(peers, b)
			}
			now(t, s)
		}
	}()
	written := poison()
	for _, b := range peers {
		send(t, b)
	}
	time.Sleep(10 * settle)
	if written() {
		t.Fatal("the kernel wrote to memory that had been freed")
	}
}

func TestTheKernelsMemoryOutlivesUnregisterAndClose(t *testing.T) {
	for range 3 {
		var peers []*net.TCPConn
		var open []*IOCPSelector
		var waits []<-chan answer
		for i := range 20 {
			s := newIOCP(t)
			open = append(open, s)
			for k := range 5 {
				a, b := tcpPair(t)
				register(t, s, fdOf(t, a), EventRead, nil)
				peers = append(peers, b)
				if k%3 == 0 {
					unregister(t, s, fdOf(t, a))
				}
			}
			if i%2 == 0 {
				c := make(chan answer, 1)
				waits = append(waits, c)
				go func() {
					_, err := s.SelectContext(t.Context())
					for err == nil {
						_, err = s.SelectContext(t.Context())
					}
					c <- answer{nil, err}
				}()
			}
		}
		written := poison()
		for _, b := range peers {
			send(t, b)
		}
		time.Sleep(settle)
		if written() {
			t.Fatal("the kernel wrote to memory that had been freed by Unregister")
		}
		for _, s := range open {
			s.Close()
		}
		for _, c := range waits {
			if a := end(t, c); !errors.Is(a.err, ErrClosed) {
				t.Fatal(a)
			}
		}
		written = poison()
		for _, b := range peers {
			send(t, b)
		}
		time.Sleep(settle)
		if written() {
			t.Fatal("the kernel wrote to memory that had been freed by Close")
		}
	}
}

// Close frees what the kernel may write to, and so has seen every packet.
func TestCloseGivesTheKernelsMemoryBack(t *testing.T) {
	var ports []*afdPort
	var groups []weak.Pointer[afdGroup]
	func() {
		s := newIOCP(t)
		ports = append(ports, s.port)
		for range 3 * groupSize {
			a, _ := tcpPair(t)
			register(t, s, a, EventRead, nil)
		}
		c := startSelect(s, Forever)
		for _, g := range s.port.groups {
			groups = append(groups, weak.Make(g))
		}
		s.Close()
		end(t, c)

		// A wait that comes out after Close leaves the packets that it has taken.
		s = newIOCP(t)
		ports = append(ports, s.port)
		a, _ := tcpPair(t)
		register(t, s, a, EventWrite, nil)
		groups = append(groups, weak.Make(s.port.groups[0]))
		if _, err := s.wait(hang); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}()
	for _, p := range ports {
		if n := p.inFlight.Load(); n != 0 {
			t.Errorf("%d packets are missing", n)
		}
	}
	if len(groups) != 4 {
		t.Fatalf("%d groups", len(groups))
	}
	for _, g := range groups {
		within(t, "freeing", func() {
			for g.Value() != nil {
				runtime.GC()
			}
		})
	}
}
