// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The kernel's structures, by the size of a pointer. The compiler refuses an
// index that is not 0, so that this holds on the machines that can only be
// compiled for.
const ptr = unsafe.Sizeof(uintptr(0))

var (
	zero = [1]struct{}{}

	_ = zero[unsafe.Offsetof(afdPollInfo{}.timeout)-0]
	_ = zero[unsafe.Offsetof(afdPollInfo{}.numberOfHandles)-8]
	_ = zero[unsafe.Offsetof(afdPollInfo{}.exclusive)-12]
	_ = zero[unsafe.Offsetof(afdPollInfo{}.handle)-16]
	_ = zero[unsafe.Offsetof(afdPollInfo{}.events)-(16+ptr)]
	_ = zero[unsafe.Offsetof(afdPollInfo{}.status)-(20+ptr)]
	_ = zero[unsafe.Sizeof(afdPollInfo{})-(24+ptr)]

	// C's sizeof(AFD_POLL_INFO) is 32 for either size, and the kernel may write
	// to all of it.
	_ = zero[afdPollInfoSize-32]
	_ = zero[unsafe.Offsetof(afdPoll{}.status)-0]
	_ = zero[unsafe.Offsetof(afdPoll{}.info)-2*ptr]
	_ = [unsafe.Offsetof(afdPoll{}.fd) - 2*ptr - afdPollInfoSize]struct{}{}

	_ = zero[unsafe.Offsetof(windows.IO_STATUS_BLOCK{}.Status)-0]
	_ = zero[unsafe.Offsetof(windows.IO_STATUS_BLOCK{}.Information)-ptr]
	_ = zero[unsafe.Sizeof(windows.IO_STATUS_BLOCK{})-2*ptr]

	_ = zero[unsafe.Offsetof(overlappedEntry{}.key)-0]
	_ = zero[unsafe.Offsetof(overlappedEntry{}.context)-ptr]
	_ = zero[unsafe.Offsetof(overlappedEntry{}.internal)-2*ptr]
	_ = zero[unsafe.Offsetof(overlappedEntry{}.bytes)-3*ptr]
	_ = zero[unsafe.Sizeof(overlappedEntry{})-4*ptr]

	_ = zero[unsafe.Offsetof(windows.OBJECT_ATTRIBUTES{}.ObjectName)-2*ptr]
	_ = zero[unsafe.Sizeof(windows.OBJECT_ATTRIBUTES{})-6*ptr]

	_ = zero[unsafe.Offsetof(timeval{}.usec)-4]
	_ = zero[unsafe.Sizeof(timeval{})-8]

	// fd_set's count is 32 bits, and the array begins where a pointer may.
	_ = zero[unsafe.Sizeof(fdSet{}[0])-ptr]
)

func newIOCP(t testing.TB) *IOCPSelector {
	t.Helper()
	s, err := NewIOCPSelector()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// socket returns a stream socket in non-blocking mode.
func socket(t testing.TB) windows.Handle {
	t.Helper()
	h, err := windows.WSASocket(windows.AF_INET, windows.SOCK_STREAM, 0, nil, 0, windows.WSA_FLAG_OVERLAPPED)
	if err == nil {
		on, n := uint32(1), uint32(0)
		err = windows.WSAIoctl(h, fionbio, (*byte)(unsafe.Pointer(&on)), 4, nil, 0, &n, nil, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// masks returns every mask that a selector takes.
func masks(s Selector) (list []EventMask) {
	_, noHangup := s.(*SelectSelector)
	for events := EventRead; events <= allEvents; events++ {
		if !noHangup || events&EventHangup == 0 {
			list = append(list, events)
		}
	}
	return list
}

// connected returns the handle of a socket that only the test closes, and its
// peer.
func connected(t testing.TB) (windows.Handle, *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := socket(t)
	addr := windows.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	if err := windows.Connect(h, &addr); err != nil && err != windows.WSAEWOULDBLOCK {
		t.Fatal(err)
	}
	c, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	eventually("the connection", func() bool { return isConnected(h) })
	return h, c
}

// It came to x/sys after the version that go.mod asks for.
var procDuplicateSocket = windows.NewLazySystemDLL("ws2_32.dll").NewProc("WSADuplicateSocketW")

// duplicate returns another handle of a socket. Wine knows no other way than
// winsock's.
func duplicate(t testing.TB, h windows.Handle) windows.Handle {
	t.Helper()
	var info windows.WSAProtocolInfo
	failed, _, err := procDuplicateSocket.Call(uintptr(h), uintptr(windows.GetCurrentProcessId()), uintptr(unsafe.Pointer(&info)))
	if failed == 0 {
		h, err = windows.WSASocket(-1, -1, -1, &info, 0, windows.WSA_FLAG_OVERLAPPED)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOneHandleOfTheDriverServesAGroupOfSockets(t *testing.T) {
	s := newIOCP(t)
	const n = 3*groupSize + 1
	var conns []*net.TCPConn
	for range n {
		a, _ := tcpPair(t)
		conns = append(conns, a)
	}
	for range 3 {
		var want []Ready
		for _, c := range conns {
			want = append(want, Ready{register(t, s, c, EventWrite, nil), EventWrite})
		}
		soon(t, s, want...)
		if got := len(s.port.groups); got > n/groupSize+2 {
			t.Errorf("%d handles for %d sockets", got, n)
		}
		for _, c := range conns {
			unregister(t, s, c)
		}
		now(t, s)
	}
}

func TestRegisteringWithoutEverWaitingUsesNoMoreAndMore(t *testing.T) {
	s := newIOCP(t)
	for range 10 * groupSize {
		h, _ := connected(t)
		defer windows.Closesocket(h)
		register(t, s, h, EventWrite, nil)
		unregister(t, s, h)
	}
	if got := len(s.port.groups); got > 2 {
		t.Errorf("%d handles", got)
	}
	eventually("the last packets", func() bool {
		now(t, s)
		return s.port.inFlight.Load() == 0
	})
	for _, g := range s.port.groups {
		if g.free != allFree {
			t.Errorf("polls %#x are left over", ^g.free)
		}
	}
}

func TestManySocketsAreLevelTriggered(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var want []Ready
		var ends []*net.TCPConn
		for range 150 {
			a, b := tcpPair(t)
			send(t, b)
			ends = append(ends, a)
			want = append(want, Ready{register(t, s, a, EventRead, nil), EventRead})
		}
		soon(t, s, want...)
		for range 3 {
			now(t, s, want...)
		}
		for i, a := range ends {
			if i%2 == 0 {
				receive(t, a)
			}
		}
		var rest []Ready
		for i := 1; i < len(want); i += 2 {
			rest = append(rest, want[i])
		}
		for range 3 {
			now(t, s, rest...)
		}
	})
}

// A request that the kernel has answered between two waits tells what was
// then.
func TestWhatWasReadBetweenTwoWaitsIsNotReported(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		now(t, s)
		send(t, b)
		receive(t, a)
		now(t, s)
		send(t, b)
		soon(t, s, Ready{key, EventRead})
	})
}

// A request that the kernel has answered between two waits may tell of a part
// only.
func TestTheMaskIsWholeAfterTwoChangesBetweenTwoWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead|EventPriority, nil)
		now(t, s)
		sendUrgent(t, b)
		time.Sleep(settle) // for the kernel to answer, most often
		send(t, b)
		soon(t, s, Ready{key, EventRead | EventPriority})
	})
}

// The packet of the cancelled request may come later, and then tells nothing.
func TestALookSeesARegistrationThatHasJustReplacedAnother(t *testing.T) {
	s := newIOCP(t)
	a, b := tcpPair(t)
	for range 50 {
		register(t, s, a, EventRead, nil)
		now(t, s)
		unregister(t, s, a)
		key := register(t, s, a, EventWrite, nil)
		now(t, s, Ready{key, EventWrite})
		modify(t, s, a, EventRead, nil)
		now(t, s)
		send(t, b)
		unregister(t, s, a)
		key = register(t, s, a, EventRead, nil)
		soon(t, s, Ready{key, EventRead})
		key = modify(t, s, a, EventRead|EventWrite, nil)
		now(t, s, Ready{key, EventRead | EventWrite})
		receive(t, a)
		now(t, s, Ready{key, EventWrite})
		modify(t, s, a, EventRead, nil)
		unregister(t, s, a)
	}
	// Nobody goes on waiting for what nobody asks for any more.
	eventually("the last packets", func() bool {
		now(t, s)
		return s.port.inFlight.Load() == 0
	})
}

// A packet goes by way of the thread that made the request, and that takes its time.
func TestALookSeesARegistrationBeforeTheOldOnesPacketHasCome(t *testing.T) {
	s := newIOCP(t)
	a := writable(t)
	register(t, s, a, EventRead, nil)
	now(t, s)
	unregister(t, s, a)
	if packets, err := s.port.receive(nil, hang); len(packets) != 1 || err != nil { // here it never comes
		t.Fatalf("%d packets, %v", len(packets), err)
	}
	now(t, s, Ready{register(t, s, a, EventWrite, nil), EventWrite})
	now(t, s, Ready{modify(t, s, a, EventWrite|EventHangup, nil), EventWrite})
}

func TestABlockedSelectIsToldOfARegistrationThatReplacesAnother(t *testing.T) {
	s := newIOCP(t)
	a, b := tcpPair(t)
	for range 20 {
		register(t, s, a, EventRead, nil)
		c := startSelect(s, Forever)
		unregister(t, s, a)
		key := register(t, s, a, EventRead, nil)
		send(t, b)
		wants(t, end(t, c), Ready{key, EventRead})
		receive(t, a)
		unregister(t, s, a)
	}
}

// Whoever is blocked while another wait reports a socket is told of what comes
// to that socket later.
func TestABlockedWaitIsToldOfWhatAnotherWaitHasReportedBefore(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		c := startSelects(s, Forever, 2)
		for range 2 {
			send(t, b)
			wants(t, end(t, c), Ready{key, EventRead})
			receive(t, a)
		}
	})
}

// What a wait has in its hands tells nothing of a registration that came meanwhile.
func TestAnAnswerIsNothingToALaterRegistration(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		register(t, s, a, EventRead, nil)
		o := observe(s)
		open := o.hold()
		c := startSelect(s, Forever)
		send(t, b)
		await(t, &o.held, 1)
		receive(t, a)
		unregister(t, s, a)
		key := register(t, s, a, EventRead, nil)
		open()
		stillBlocked(t, c)
		send(t, b)
		wants(t, end(t, c), Ready{key, EventRead})
	})
}

// A look may take the packet away from the leader, who then has to be told of what
// comes next.
func TestALookHasTheLeaderToldOfWhatItReports(t *testing.T) {
	s := newIOCP(t)
	key := register(t, s, writable(t), EventWrite, nil)
	s.mu.Lock()
	s.inside = true // the leader is on its way into the kernel
	s.mu.Unlock()
	now(t, s, Ready{key, EventWrite})
	s.mu.Lock()
	s.inside = false
	s.mu.Unlock()
	if packets, err := s.port.receive(nil, settle); len(packets) == 0 || err != nil {
		t.Fatalf("%d packets, %v", len(packets), err)
	}
}

func TestAClosedSocketHarmsNobodyAndKeepsItsKey(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		idleOne, _ := connected(t)
		register(t, s, idleOne, EventRead, nil)
		readyOne, _ := connected(t)
		register(t, s, readyOne, EventWrite, nil)
		now(t, s, Ready{get(t, s, readyOne), EventWrite})
		windows.Closesocket(readyOne)
		idle(t, s)

		c := startSelect(s, Forever)
		time.Sleep(settle) // until it is inside the call: select says readable then
		windows.Closesocket(idleOne)
		stillBlocked(t, c)
		send(t, b)
		wants(t, end(t, c), Ready{key, EventRead})
		receive(t, a)
		idle(t, s)
		unregister(t, s, idleOne)
		unregister(t, s, readyOne)
		idle(t, s)
		send(t, b)
		soon(t, s, Ready{key, EventRead})
	})
}

func get(t testing.TB, s Selector, fileobj any) *SelectorKey {
	t.Helper()
	key, err := s.GetKey(fileobj)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestModifyOfAClosedSocketUnregistersIt(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		h, _ := connected(t)
		register(t, s, h, EventRead, nil)
		now(t, s)
		windows.Closesocket(h)
		_, err := s.Modify(h, EventRead|EventWrite, nil)
		var se *os.SyscallError
		if !errors.Is(err, windows.WSAENOTSOCK) || !errors.As(err, &se) {
			t.Fatal(err)
		}
		if _, err := s.GetKey(h); !errors.Is(err, ErrNotRegistered) {
			t.Fatal(err)
		}
		idle(t, s)
	})
}

func TestModifyTakesTheSocketThatTheNumberNamesByNow(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		for k := range 4 {
			withDuplicate, narrowed := k&1 != 0, k&2 != 0
			before, after := EventRead, EventWrite
			if narrowed {
				before, after = EventRead|EventPriority, EventRead
			}
			// The socket that gets the number of the closed one.
			other, peer := connected(t)
			defer windows.Closesocket(other)
			var h windows.Handle
			eventually("the number of a closed socket", func() (ok bool) {
				h, _ = connected(t)
				register(t, s, h, before, nil)
				now(t, s)
				if withDuplicate {
					d := duplicate(t, h)
					t.Cleanup(func() { windows.Closesocket(d) })
				}
				windows.Closesocket(h)
				if ok = reopen(t, h, func() (windows.Handle, error) { return duplicate(t, other), nil }); !ok {
					unregister(t, s, h)
				}
				return ok
			})
			key := modify(t, s, h, after, nil)
			if !narrowed {
				now(t, s, Ready{key, EventWrite})
				key = modify(t, s, h, EventRead, nil)
			}
			now(t, s)
			send(t, peer)
			soon(t, s, Ready{key, EventRead})
			unregister(t, s, h)
			windows.Closesocket(h)
			now(t, s)
		}
	})
}

func TestAClosedSocketWhoseNumberNamesAFileHarmsNobody(t *testing.T) {
	file := func(name string) func() (windows.Handle, error) {
		return func() (windows.Handle, error) {
			return windows.CreateFile(windows.StringToUTF16Ptr(name), windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, 0, 0)
		}
	}
	kinds := map[string]func() (windows.Handle, error){
		"a file":   file(os.Args[0]),
		"NUL":      file("NUL"),
		"an event": func() (windows.Handle, error) { return windows.CreateEvent(nil, 1, 0, nil) },
	}
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s Selector) {
				other := register(t, s, writable(t), EventWrite, nil)
				var h windows.Handle
				eventually("the number of a closed socket", func() (ok bool) {
					h, _ = connected(t)
					key := register(t, s, h, EventRead|EventWrite, nil)
					now(t, s, Ready{other, EventWrite}, Ready{key, EventWrite})
					windows.Closesocket(h)
					if ok = reopen(t, h, open); !ok {
						unregister(t, s, h)
					}
					return ok
				})
				defer windows.CloseHandle(h)
				now(t, s, Ready{other, EventWrite})
				unregister(t, s, h)
				now(t, s, Ready{other, EventWrite})
			})
		})
	}
}

func TestDuplicatesAreRegisteredEachByItself(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		h, peer := connected(t)
		d := duplicate(t, h)
		defer windows.Closesocket(d)
		first, second := register(t, s, h, EventRead, nil), register(t, s, d, EventRead|EventWrite, nil)
		now(t, s, Ready{second, EventWrite})
		send(t, peer)
		soon(t, s, Ready{first, EventRead}, Ready{second, EventRead | EventWrite})
		now(t, s, Ready{first, EventRead}, Ready{second, EventRead | EventWrite})
		unregister(t, s, h)
		windows.Closesocket(h)
		now(t, s, Ready{second, EventRead | EventWrite})
		now(t, s, Ready{second, EventRead | EventWrite})
	})
}

// noSockets returns a file, NUL, and both ends of a pipe.
func noSockets(t *testing.T) (file, null, r, w *os.File) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if file, err = os.Open(program); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	if r, w, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return file, null, r, w
}

func TestWhatIsNoOpenSocketIsRefused(t *testing.T) {
	file, null, r, w := noSockets(t)
	event, err := windows.CreateEvent(nil, 0, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(event)
	port, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(port)
	each(t, func(t *testing.T, s Selector) {
		closed, _ := connected(t)
		windows.Closesocket(closed)
		for name, fileobj := range map[string]any{
			"file": file, "pipe": r, "pipe's write end": w, "NUL": null,
			"event": event, "completion port": port, "closed socket": closed, "no handle": 0x7ffffffc,
		} {
			for _, events := range masks(s) {
				_, err := s.Register(fileobj, events, nil)
				var se *os.SyscallError
				if !errors.Is(err, windows.WSAENOTSOCK) || !errors.As(err, &se) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if n := s.GetMap().Len(); n != 0 {
			t.Errorf("%d keys", n)
		}
		idle(t, s)
	})
}

// The first of several sleepers may take all wake-ups in one batch: it must
// give them back.
func TestAWaitThatTakesAllWakeupsGivesThemBack(t *testing.T) {
	s := newIOCP(t)
	const n = 8
	for range 10 {
		ctx, cancel := context.WithCancel(context.Background())
		wait := func() ([]Ready, error) { return s.SelectContext(ctx) }
		c := start(s, slices.Repeat([]func() ([]Ready, error){wait}, n)...)
		cancel()
		for range n {
			if a := end(t, c); !errors.Is(a.err, context.Canceled) {
				t.Fatal(a)
			}
		}
	}
	c := startSelects(s, Forever, n)
	s.Close()
	for range n {
		if a := end(t, c); !errors.Is(a.err, ErrClosed) {
			t.Fatal(a)
		}
	}
}

// A reset lasts, and whatever was asked for is told of it.
func TestAResetIsEveryEventThatWasAskedFor(t *testing.T) {
	for events := EventRead; events <= allEvents; events++ {
		for _, before := range []bool{true, false} {
			s := newIOCP(t)
			h, peer := connected(t)
			defer windows.Closesocket(h)
			var key *SelectorKey
			if before {
				key = register(t, s, h, events, nil)
				s.Select(0)
			}
			peer.SetLinger(0)
			peer.Close()
			if !before {
				time.Sleep(settle) // for the reset to arrive, most often
				key = register(t, s, h, events, nil)
			}
			soon(t, s, Ready{key, events})
			now(t, s, Ready{key, events})
		}
	}
}

// A half-close lasts as well, and is nothing to who doesn't read.
func TestAHalfCloseKeepsNoWaitBusyThatDoesNotRead(t *testing.T) {
	s := newIOCP(t)
	a, b := tcpPair(t)
	register(t, s, a, EventPriority, nil)
	b.CloseWrite()
	time.Sleep(settle) // for a wrong event to come
	now(t, s)
	turns := observe(s).turns.Load
	idle(t, s)
	if n := turns(); n > 5 {
		t.Errorf("%d turns of one wait", n)
	}
	key := modify(t, s, a, EventRead|EventPriority, nil)
	now(t, s, Ready{key, EventRead})
}

func TestAFailedConnectIsEveryEventThatWasAskedFor(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		nobody := windows.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
		l.Close()
		for _, events := range masks(s) {
			h := socket(t)
			if events&1 != 0 {
				// Registered before it connects.
				register(t, s, h, events, nil)
				now(t, s)
			}
			if err := windows.Connect(h, &nobody); err != nil && err != windows.WSAEWOULDBLOCK && err != windows.WSAECONNREFUSED {
				t.Fatal(err)
			}
			if events&1 == 0 {
				register(t, s, h, events, nil)
			}
			key := get(t, s, h)
			soon(t, s, Ready{key, events})
			now(t, s, Ready{key, events})
			// The error is left to the caller.
			if code, err := windows.GetsockoptInt(h, windows.SOL_SOCKET, soError); err != nil || code != int(windows.WSAECONNREFUSED) {
				t.Errorf("SO_ERROR: %v, %v", code, err)
			}
			unregister(t, s, h)
			windows.Closesocket(h)
		}
	})
}

const soError = 0x1007

func TestAConnectIsWritableWhenItIsDone(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		h := socket(t)
		defer windows.Closesocket(h)
		key := register(t, s, h, EventRead|EventWrite, nil)
		now(t, s)
		addr := windows.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
		if err := windows.Connect(h, &addr); err != nil && err != windows.WSAEWOULDBLOCK {
			t.Fatal(err)
		}
		soon(t, s, Ready{key, EventWrite})

		c, err := l.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		send(t, c)
		soon(t, s, Ready{key, EventRead | EventWrite})
	})
}

// A SelectSelector has sockets that are not connected in its list of
// exceptions, where urgent data show as well.
func TestUrgentDataThatNobodyAskedForKeepNoWaitBusy(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		h := socket(t)
		defer windows.Closesocket(h)
		register(t, s, h, EventRead, nil)
		addr := windows.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
		if err := windows.Connect(h, &addr); err != nil && err != windows.WSAEWOULDBLOCK {
			t.Fatal(err)
		}
		c, err := l.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		sendUrgent(t, c)
		time.Sleep(settle) // for a wrong event to come
		idle(t, s)
		if s, ok := s.(*SelectSelector); ok && s.sockets[1].except {
			t.Error("a wait goes on looking for urgent data")
		}
		key := modify(t, s, h, EventRead|EventPriority, nil)
		now(t, s, Ready{key, EventPriority})
	})
}

// A socket may be watched by several selectors, and be used by package net
// meanwhile.
func TestASocketIsInSeveralSelectorsAndInUse(t *testing.T) {
	a, b := tcpPair(t)
	var waits []<-chan answer
	var keys []*SelectorKey
	for range 3 {
		s := newIOCP(t)
		keys = append(keys, register(t, s, a, EventRead, nil))
		waits = append(waits, startSelect(s, Forever))
	}
	send(t, b)
	for i, c := range waits {
		wants(t, end(t, c), Ready{keys[i], EventRead})
	}
	receive(t, a)

	s := newIOCP(t)
	key := register(t, s, b, EventRead|EventWrite, nil)
	b.SetReadDeadline(time.Now().Add(hang))
	received := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.Discard, b, 100)
		received <- err
	}()
	for range 100 {
		send(t, a)
		ready, err := s.Select(hang)
		if err != nil || len(ready) != 1 || ready[0].Key != key || ready[0].Events&EventWrite == 0 {
			t.Fatalf("%v, %v", format(ready), err)
		}
	}
	if err := <-received; err != nil {
		t.Fatal(err)
	}
	now(t, s, Ready{key, EventWrite})
}

func TestEverySelectorTakesAnyNumberOfSockets(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		// Beyond winsock's FD_SETSIZE, which is 64.
		conns := make([]*net.TCPConn, 200)
		for i := range conns {
			var b *net.TCPConn
			conns[i], b = tcpPair(t)
			if i == len(conns)-1 {
				send(t, b)
			}
		}
		var last *SelectorKey
		for _, c := range conns {
			last = register(t, s, c, EventRead, nil)
		}
		soon(t, s, Ready{last, EventRead})
		wantAll := []Ready{{modify(t, s, conns[len(conns)-1], EventRead|EventWrite, nil), EventRead | EventWrite}}
		for _, c := range conns[:len(conns)-1] {
			wantAll = append(wantAll, Ready{modify(t, s, c, EventWrite, nil), EventWrite})
		}
		now(t, s, wantAll...)
	})
}
