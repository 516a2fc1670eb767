// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A situation is a state that a descriptor can be in. The mask that it is ready
// for is the one that epoll gives on Linux; every selector of every system is
// held to it. Where a kernel doesn't know better, a row says so.
type situation struct {
	name string

	// make returns a file object, and what happens to it: nil if it is in the
	// situation from the start.
	make func(t *testing.T) (fileobj any, event func())

	want      EventMask   // for who asks for everything: others get their bits of it
	interests []EventMask // nil for every one
	rows      []situationRow
}

// A situationRow is what is different on some selectors, named as in
// "freebsd/kqueue". The first that matches holds.
type situationRow struct {
	why     string
	on      string // patterns, separated by spaces
	want    EventMask
	perhaps EventMask // what may show or not, as the version has it
	asleep  EventMask // who asks for no more than this may sleep through it, and then find it
	refused error     // of Register

	noHangup bool // Register and Modify refuse EventHangup

	// The releases that it holds for; 0 is no bound.
	since, before int
}

// situationRelease is the major release of the system, where rows ask for it.
var situationRelease int

func (r *situationRow) holds(selector string) bool {
	return situationMatches(r.on, selector) &&
		r.since <= situationRelease && (r.before == 0 || situationRelease < r.before)
}

const (
	situationRW     = EventRead | EventWrite
	situationHalf   = situationRW | EventHangup // the other side sends nothing more
	situationHungUp = allEvents
)

// situationNoHangup has the selectors that can't tell a half-close from data,
// and refuse EventHangup.
var situationNoHangup = "*/select"

// situationSelect: select has no list for a hang-up; it is in those for reading
// and writing.
var situationSelect = situationRow{why: "select knows no hang-up", on: "*/select", want: situationRW}

// situationPriorityAlone: who asks for EventPriority alone may hear of no hang-up,
// where the filter for urgent data knows none (filt_soread on DragonFly, which
// makes its poll of it).
var situationPriorityAlone = situationRow{
	why:     "the filter for urgent data knows no hang-up",
	on:      "*/kqueue dragonfly/poll",
	want:    situationHungUp &^ EventPriority,
	perhaps: EventPriority,
}

// situationNoPollHup: NetBSD's poll knows no hang-up of a socket.
var situationNoPollHup = situationRow{
	why:  "a socket that has hung up is readable and writable (sodopoll)",
	on:   "netbsd/poll",
	want: situationRW,
}

// situationDead are the rows of a socket that has an error.
var situationDead = []situationRow{
	situationNoPollHup,
	situationPriorityAlone,
	{
		why:     "as long as nobody has taken the error it is readable and writable alone (so_poll)",
		on:      "solaris/devpoll solaris/poll illumos/devpoll illumos/poll",
		want:    situationRW,
		perhaps: situationHungUp,
	},
	situationSelect,
}

// situationShutPoll: DragonFly's poll takes the own end for a hang-up, for who
// asks for writing (poll_copyout).
var situationShutPoll = situationRow{
	why:     "it is a hang-up for who asks for writing",
	on:      "dragonfly/poll",
	want:    EventWrite,
	perhaps: situationHungUp,
}

// situations has those that can be made on every system; others are added by
// the system's file.
var situations = []situation{
	{
		name: "TCP, nothing happened",
		make: func(t *testing.T) (any, func()) {
			a, _ := situationTCP(t)
			return a, nil
		},
		want: EventWrite,
	},
	{
		name: "TCP, data to read",
		make: func(t *testing.T) (any, func()) {
			a, b := situationTCP(t)
			return a, func() { situationWrite(t, b) }
		},
		want: situationRW,
	},
	{
		name: "TCP, the peer has shut its writing side",
		make: func(t *testing.T) (any, func()) {
			a, b := situationTCP(t)
			return a, func() { situationOK(t, b.CloseWrite()) }
		},
		want: situationHalf,
	},
	{
		name: "TCP, data to read and the peer has shut its writing side",
		make: func(t *testing.T) (any, func()) {
			a, b := situationTCP(t)
			return a, func() { situationWrite(t, b); situationOK(t, b.CloseWrite()) }
		},
		want: situationHalf,
		rows: []situationRow{
			{why: "Wine tells of it once the data was read (sock_get_poll_events), Windows at once (Wine's ws2_32/tests/afd.c)", on: "windows/iocp", want: situationRW, perhaps: EventHangup},
		},
	},
	{
		name: "TCP, the peer has closed",
		make: func(t *testing.T) (any, func()) {
			a, b := situationTCP(t)
			return a, func() { situationOK(t, b.Close()) }
		},
		want: situationHalf,
	},
	{
		name: "TCP, reset by the peer",
		make: func(t *testing.T) (any, func()) {
			a, b := situationTCP(t)
			situationOK(t, b.SetLinger(0))
			return a, func() { situationOK(t, b.Close()) }
		},
		want: situationHungUp,
		rows: situationDead,
	},
	{
		name: "TCP, data to read and reset by the peer",
		make: func(t *testing.T) (any, func()) {
			a, b := situationTCP(t)
			situationOK(t, b.SetLinger(0))
			return a, func() { situationWrite(t, b); situationOK(t, b.Close()) }
		},
		want: situationHungUp,
		rows: situationDead,
	},
	{
		name: "TCP, own reading side shut",
		make: func(t *testing.T) (any, func()) {
			a, _ := situationTCP(t)
			return a, func() { situationOK(t, a.CloseRead()) }
		},
		want: situationHalf,
		rows: []situationRow{
			{why: "AFD tells what the peer did, and not what oneself did", on: "windows/*", want: EventWrite},
		},
	},
	{
		name: "TCP, own writing side shut",
		make: func(t *testing.T) (any, func()) {
			a, _ := situationTCP(t)
			return a, func() { situationOK(t, a.CloseWrite()) }
		},
		want: EventWrite,
		rows: []situationRow{situationShutPoll},
	},
	{
		name: "TCP, own writing side shut, data to read",
		make: func(t *testing.T) (any, func()) {
			a, b := situationTCP(t)
			return a, func() { situationOK(t, a.CloseWrite()); situationWrite(t, b) }
		},
		want: situationRW,
		rows: []situationRow{{why: situationShutPoll.why, on: situationShutPoll.on, want: situationRW, perhaps: situationHungUp}},
	},
	{
		name: "TCP, both sides have shut their writing side",
		make: func(t *testing.T) (any, func()) {
			a, b := situationTCP(t)
			return a, func() { situationOK(t, a.CloseWrite()); situationOK(t, b.CloseWrite()) }
		},
		want: situationHungUp,
		rows: []situationRow{
			{why: "AFD tells what the peer did, and not what oneself did", on: "windows/iocp", want: situationHalf},
			situationNoPollHup,
			situationPriorityAlone,
			situationSelect,
		},
	},
	{
		name: "TCP, both directions shut",
		make: func(t *testing.T) (any, func()) {
			a, _ := situationTCP(t)
			return a, func() { situationOK(t, a.CloseWrite()); situationOK(t, a.CloseRead()) }
		},
		want: situationHungUp,
		rows: []situationRow{
			// Wine doesn't pass it on to the kernel (server/sock.c), and Windows
			// says the same to Wine's ws2_32/tests/afd.c.
			{why: "AFD tells what the peer did, and not what oneself did", on: "windows/*", want: EventWrite},
			situationNoPollHup,
			situationPriorityAlone,
			situationSelect,
		},
	},
	{
		name: "listener, nobody there",
		make: func(t *testing.T) (any, func()) {
			l := situationListener(t)
			return l, nil
		},
		want: 0,
	},
	{
		name: "listener, a connection is waiting",
		make: func(t *testing.T) (any, func()) {
			l := situationListener(t)
			return l, func() { situationDial(t, l) }
		},
		want: EventRead,
	},
	{
		name: "UDP, nothing happened",
		make: func(t *testing.T) (any, func()) {
			return situationUDP(t), nil
		},
		want: EventWrite,
	},
	{
		name: "UDP, a datagram to read",
		make: func(t *testing.T) (any, func()) {
			a, b := situationUDP(t), situationUDP(t)
			return a, func() {
				_, err := b.WriteTo([]byte("x"), a.LocalAddr())
				situationOK(t, err)
			}
		},
		want: situationRW,
	},
	{
		name: "UDP, an empty datagram to read",
		make: func(t *testing.T) (any, func()) {
			a, b := situationUDP(t), situationUDP(t)
			return a, func() {
				_, err := b.WriteTo(nil, a.LocalAddr())
				situationOK(t, err)
			}
		},
		want: situationRW,
	},
}

func TestEverySituationHasItsMask(t *testing.T) {
	t.Parallel()
	if len(constructors) == 0 {
		t.Skip("this system has no selector")
	}
	for _, open := range constructors {
		s, err := open()
		if err != nil {
			t.Error(err)
			continue
		}
		selector := situationName(s)
		s.Close()
		t.Run(selector, func(t *testing.T) {
			t.Parallel()
			for _, si := range situations {
				t.Run(si.name, func(t *testing.T) { si.test(t, selector, open) })
			}
		})
	}
}

// situationName returns a selector's name in the rows.
func situationName(s Selector) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", s), "*selectors.")
	return runtime.GOOS + "/" + strings.ToLower(strings.TrimSuffix(name, "Selector"))
}

func situationMatches(patterns, selector string) bool {
	for _, pattern := range strings.Fields(patterns) {
		if ok, _ := path.Match(pattern, selector); ok {
			return true
		}
	}
	return false
}

func (si *situation) test(t *testing.T, selector string, open func() (Selector, error)) {
	row := situationRow{want: si.want}
	for i := range si.rows {
		if si.rows[i].holds(selector) {
			row = si.rows[i]
			break
		}
	}
	interests := si.interests
	switch {
	case interests != nil:
	case !longTests:
		interests = []EventMask{EventRead, EventWrite, situationRW, situationRW | EventPriority, EventHangup, EventRead | EventHangup, allEvents}
	default:
		for interest := EventMask(1); interest <= allEvents; interest++ {
			interests = append(interests, interest)
		}
	}
	orders := []string{"registered after it", "registered before it", "waited for before it"}
	for _, interest := range interests {
		for _, order := range orders {
			// What is skipped is tried again: it may be a situation that didn't come
			// about.
			ok, skipped := true, true
			for try := 0; skipped && try < 3; try++ {
				ok = t.Run(fmt.Sprintf("%v/%s", interest, order), func(t *testing.T) {
					// An own run for each, so that its files are closed at once.
					defer func() { skipped = t.Skipped() }()
					s, err := open()
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					fileobj, event := si.make(t)
					if event == nil {
						event = func() {}
					}
					situationRun(t, s, selector, fileobj, event, interest, order, row)
				})
			}
			if !ok && row.why != "" {
				t.Logf("%s: %s", selector, row.why)
			}
		}
	}
}

func situationRun(t *testing.T, s Selector, selector string, fileobj any, event func(), interest EventMask, order string, row situationRow) {
	if order == "registered after it" {
		event()
	}
	key, err := s.Register(fileobj, interest, nil)
	mayRefuse := interest&EventPriority != 0 && path.Base(selector) == "kqueue" // the contract lets it
	mustRefuse := interest&EventHangup != 0 && (situationMatches(situationNoHangup, selector) || row.noHangup)
	unsupported := errors.Is(err, errors.ErrUnsupported)
	if row.refused != nil {
		if unsupported && (mayRefuse || mustRefuse) {
			return
		}
		var call *os.SyscallError
		if !errors.Is(err, row.refused) || !errors.As(err, &call) {
			t.Fatalf("Register: %v, want a system call's %v", err, row.refused)
		}
		return
	}
	switch {
	case unsupported && (mayRefuse || mustRefuse):
		key = situationRefused(t, s, fileobj, interest)
	case mustRefuse:
		t.Fatalf("Register: %v, want %v", err, errors.ErrUnsupported)
	case err != nil:
		t.Fatal(err)
	}
	interest = key.Events
	want, perhaps := row.want&interest, row.perhaps&^row.want&interest
	switch order {
	case "registered before it":
		event()
	case "waited for before it":
		timeout := Forever
		asleep := interest&^row.asleep == 0
		if want == 0 || asleep {
			timeout = time.Millisecond
		}
		var took time.Duration
		begin := time.Now()
		c := start(s, func() ([]Ready, error) {
			ready, err := s.Select(timeout)
			took = time.Since(begin)
			return ready, err
		})
		event()
		var got answer
		within(t, fmt.Sprintf("the wait for %v", want), func() { got = <-c })
		a := situationAnswer{got.ready, got.err, took}
		if want == 0 {
			a.nothing(t, key, perhaps, timeout)
			return
		}
		if mask := a.mask(t, key); mask == 0 && !asleep || mask&^(want|perhaps) != 0 {
			t.Fatalf("the wait found %v, want %v", mask, want)
		}
	}
	if want == 0 {
		const timeout = time.Millisecond
		start := time.Now()
		ready, err := s.Select(timeout)
		situationAnswer{ready, err, time.Since(start)}.nothing(t, key, perhaps, timeout)
		return
	}
	// What was sent may still be on its way, so that not all bits show at once.
	for deadline := time.Now().Add(hang); ; {
		ready, err := s.Select(time.Second)
		mask := situationAnswer{ready, err, 0}.mask(t, key)
		if mask&^perhaps == want {
			break
		}
		if mask&^(want|perhaps) != 0 || time.Now().After(deadline) {
			t.Fatalf("ready for %v, want %v", mask, want)
		}
		time.Sleep(time.Millisecond)
	}
	// By level, and with no other bit a little later.
	for range 2 {
		ready, err := s.Select(0)
		if mask := (situationAnswer{ready, err, 0}).mask(t, key); mask&^perhaps != want {
			t.Fatalf("later ready for %v, want %v", mask, want)
		}
	}
}

// situationRefused checks that a Register that was refused has left nothing, and
// that a Modify that is refused changes nothing. It returns a key of which the
// selector has to go on telling what it told before.
func situationRefused(t *testing.T, s Selector, fileobj any, interest EventMask) *SelectorKey {
	t.Helper()
	if key, err := s.GetKey(fileobj); !errors.Is(err, ErrNotRegistered) || s.GetMap().Len() != 0 {
		t.Fatalf("a refused Register has left %v (%v)", key, err)
	}
	if ready, err := s.Select(0); err != nil || len(ready) != 0 {
		t.Fatalf("after a refused Register Select returned %v, %v", ready, err)
	}
	events := interest & situationRW
	if events == 0 {
		events = EventRead
	}
	key, err := s.Register(fileobj, events, nil)
	situationOK(t, err)
	if got, err := s.Modify(fileobj, interest, "refused"); got != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("Modify: %v, %v, want %v", got, err, errors.ErrUnsupported)
	}
	if got, err := s.GetKey(fileobj); err != nil || got != key || got.Events != events || got.Data != nil {
		t.Fatalf("a refused Modify has left %v (%v), want %v", got, err, key)
	}
	return key
}

type situationAnswer struct {
	ready []Ready
	err   error
	took  time.Duration
}

// mask returns what was found for the one key that there is.
func (a situationAnswer) mask(t *testing.T, key *SelectorKey) EventMask {
	t.Helper()
	if a.err != nil {
		t.Fatal(a.err)
	}
	switch {
	case len(a.ready) == 0:
		return 0
	case len(a.ready) > 1 || a.ready[0].Key != key:
		t.Fatalf("Select returned %v, want the one key, once", a.ready)
	case a.ready[0].Events == 0:
		t.Fatal("Select returned a key that is ready for nothing")
	}
	return a.ready[0].Events
}

// nothing checks that a wait found nothing, and did not end early.
func (a situationAnswer) nothing(t *testing.T, key *SelectorKey, perhaps EventMask, timeout time.Duration) {
	t.Helper()
	mask := a.mask(t, key)
	if mask&^perhaps != 0 {
		t.Fatalf("ready for %v, want nothing", mask)
	}
	if mask == 0 && a.took < timeout {
		t.Fatalf("the wait took %v, want at least %v", a.took, timeout)
	}
}

func situationOK(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func situationWrite(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := c.Write([]byte("x"))
	situationOK(t, err)
}

func situationListener(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	situationOK(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

func situationDial(t *testing.T, l *net.TCPListener) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	situationOK(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// situationTCP returns the two ends of a connection.
func situationTCP(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l := situationListener(t)
	b = situationDial(t, l)
	a, err := l.AcceptTCP()
	situationOK(t, err)
	t.Cleanup(func() { a.Close() })
	return a, b
}

// A situationDatagram is what the situations need of a *net.UDPConn.
type situationDatagram interface {
	WriteTo(b []byte, addr net.Addr) (int, error)
	LocalAddr() net.Addr
	Close() error
}

// situationListenUDP can be replaced by a system's file.
var situationListenUDP = func() (situationDatagram, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

func situationUDP(t *testing.T) situationDatagram {
	t.Helper()
	c, err := situationListenUDP()
	situationOK(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}
