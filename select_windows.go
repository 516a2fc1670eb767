// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A SelectSelector waits by winsock's select. It takes any number of sockets, and
// nothing but sockets: a file, a pipe or a console is refused with WSAENOTSOCK.
// Each wait costs time in proportion to the registrations, and counts its timeout
// in microseconds, as fine as the system's clock is.
//
// select has no word for a hang-up. It shows as readable, and as writable if the
// system says so. It doesn't show if only EventPriority was asked for. A failed
// connect shows as every event that was asked for. EventHangup is refused with an
// error that matches [errors.ErrUnsupported].
type SelectSelector struct {
	core
	waker selfConnected

	// sockets is what is watched: the waker, then what is registered, without what
	// was found closed. An entry's pos is its index here, 0 if it has none.
	sockets []selectSocket

	looking, waiting selectCall
	failed           bool // the waiting one
}

type selectSocket struct {
	fd     windows.Handle
	events EventMask
	except bool      // it is in the list of exceptions
	found  EventMask // in a call's answer; of a registered one 0 but in collect
}

// NewSelectSelector returns a selector that waits by winsock's select. It fails
// with an [*os.SyscallError] if the system is out of memory.
func NewSelectSelector() (*SelectSelector, error) {
	waker, err := newSelfConnected()
	if err != nil {
		return nil, err
	}
	s := &SelectSelector{waker: waker}
	s.sockets = []selectSocket{{fd: waker.socket, events: EventRead}}
	s.copies, s.tellsHangup = true, func() bool { return false }
	s.init(s, waker)
	return s, nil
}

// A selfConnected is a datagram socket that sends to itself. It hears nobody
// else, but for who guesses its port before it is connected.
type selfConnected struct{ socket windows.Handle }

func newSelfConnected() (selfConnected, error) {
	socket, err := newSocket()
	if err != nil {
		return selfConnected{}, err
	}
	// SO_EXCLUSIVEADDRUSE: else another process of the user's could share the port.
	err = os.NewSyscallError("setsockopt", windows.SetsockoptInt(socket, windows.SOL_SOCKET, ^windows.SO_REUSEADDR, 1))
	if err == nil {
		err = os.NewSyscallError("bind", windows.Bind(socket, &windows.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	}
	var itself windows.Sockaddr
	if err == nil {
		itself, err = windows.Getsockname(socket)
		err = os.NewSyscallError("getsockname", err)
	}
	if err == nil {
		err = os.NewSyscallError("connect", windows.Connect(socket, itself))
	}
	if err != nil {
		windows.Closesocket(socket)
	}
	return selfConnected{socket}, err
}

func (w selfConnected) release() { windows.Closesocket(w.socket) }

// isConnected reports whether a socket has a peer. It leaves the socket's
// error (SO_ERROR) to the caller, who can't get it twice.
func isConnected(socket windows.Handle) bool {
	_, err := windows.Getpeername(socket)
	return err == nil
}

func (s *SelectSelector) add(fd int, e *entry) error {
	socket := windows.Handle(fd)
	if err := checkOpen(socket); err != nil {
		return err
	}
	e.pos = uint32(len(s.sockets))
	// Only there a failed connect shows, but so do urgent data, which nobody
	// reads who didn't ask for them: connected sockets are not put there for
	// nothing.
	except := e.events&EventPriority != 0 || !isConnected(socket)
	s.sockets = append(s.sockets, selectSocket{fd: socket, events: e.events, except: except})
	return nil
}

func (s *SelectSelector) modify(fd int, _ EventMask, e *entry) error {
	s.remove(fd, e)
	return s.add(fd, e)
}

// remove puts the last socket into the place of the one that goes.
func (s *SelectSelector) remove(_ int, e *entry) {
	if e.pos == 0 {
		return
	}
	n := len(s.sockets) - 1
	last := s.sockets[n]
	s.sockets[e.pos] = last
	s.table.find(int(last.fd)).pos = e.pos
	s.sockets = s.sockets[:n]
	e.pos = 0
}

// An fdSet is winsock's fd_set: how many there are, and the sockets. The count
// is 32 bits wide and, on 64 bit, padded to the width of a socket.
type fdSet []windows.Handle

func (f *fdSet) add(socket windows.Handle) { *f = append(*f, socket); (*f)[0]++ }

// members returns the sockets that select left in the set.
func (f fdSet) members() []windows.Handle { return f[1:][:uint32(f[0])] }

// A selectCall has the lists of a call of select, which overwrites them.
type selectCall struct {
	read, write, except fdSet
	since               uint64 // the core's changes when they were filled
}

// fill puts what is watched into the lists.
func (s *SelectSelector) fill(c *selectCall) {
	c.since = s.changes
	c.read = append(c.read[:0], 0)
	c.write = append(c.write[:0], 0)
	c.except = append(c.except[:0], 0)
	for _, socket := range s.sockets {
		if socket.events&EventRead != 0 {
			c.read.add(socket.fd)
		}
		if socket.events&EventWrite != 0 {
			c.write.add(socket.fd)
		}
		if socket.except {
			c.except.add(socket.fd)
		}
	}
}

// look tries again without the sockets that were closed while registered: the error
// depends on what their numbers name by now. One may be open again by then, as another
// socket, so that none is found: ten times in a row that is no chance, but the waker that
// somebody has closed, or the system's error.
func (s *SelectSelector) look(dst []Ready) (_ []Ready, err error) {
	for range 10 {
		s.fill(&s.looking)
		if err = s.looking.call(0); err == nil {
			return s.collect(dst, &s.looking), nil
		}
		s.dropClosed()
	}
	return dst, err
}

func (s *SelectSelector) prepare() error {
	s.fill(&s.waiting)
	return nil
}

func (s *SelectSelector) wait(timeout time.Duration) (over bool, err error) {
	s.failed = s.waiting.call(timeout) != nil
	return false, nil
}

func (s *SelectSelector) take(dst []Ready) ([]Ready, error) {
	if s.failed {
		return s.look(dst) // it finds the closed socket, or fails as well
	}
	return s.collect(dst, &s.waiting), nil
}

// collect appends to dst what a call has found.
func (s *SelectSelector) collect(dst []Ready, c *selectCall) []Ready {
	hit := func(socket windows.Handle, events EventMask) {
		if e := s.table.find(int(socket)); e != nil && e.gen <= c.since {
			s.sockets[e.pos].found |= events
		}
	}
	for _, socket := range c.read.members() {
		if socket == s.waker.socket {
			tryRead(int(socket), make([]byte, 1), false)
		}
		hit(socket, EventRead)
	}
	for _, socket := range c.write.members() {
		hit(socket, EventWrite)
	}
	for _, socket := range c.except.members() {
		events := allEvents
		if isConnected(socket) {
			events = EventPriority
		}
		hit(socket, events)
	}
	for i := 1; i < len(s.sockets); i++ {
		socket := &s.sockets[i]
		if socket.found == 0 {
			continue
		}
		mask := socket.found & socket.events
		socket.found = 0
		switch {
		case c == &s.waiting && checkOpen(socket.fd) != nil:
			// Wine reports as readable what was closed during the wait. The next
			// look finds it.
		case mask != 0:
			dst = append(dst, Ready{s.table.find(int(socket.fd)).key, mask})
		default:
			// It was unconnected when it came, and has urgent data by now.
			socket.except = false
		}
	}
	return dst
}

// dropClosed stops watching the sockets that were closed while registered,
// since select fails for all if one is closed.
func (s *SelectSelector) dropClosed() {
	for i := len(s.sockets) - 1; i > 0; i-- {
		if socket := s.sockets[i].fd; errors.Is(checkOpen(socket), windows.WSAENOTSOCK) {
			s.remove(int(socket), s.table.find(int(socket)))
		}
	}
}

func (s *SelectSelector) wake() error {
	// It doesn't block: the first datagrams fit, and the first tryRead sets the mode.
	err := windows.WSASend(s.waker.socket, &windows.WSABuf{Len: 1, Buf: new(byte)}, 1, new(uint32), 0, nil, nil)
	return os.NewSyscallError("WSASend", err)
}

// drain has nothing to do: who finds the waker readable takes the datagram. One
// that is still on its way ends the next wait, which goes on.
func (s *SelectSelector) drain() {}

var procSelect = windows.NewLazySystemDLL("ws2_32.dll").NewProc("select")

// A timeval is struct timeval: its longs have 32 bits on 64 bit, too.
type timeval struct{ sec, usec int32 }

// call is select. A negative timeout never ends.
func (c *selectCall) call(timeout time.Duration) error {
	us := ceil(timeout, time.Microsecond)
	limit := &timeval{int32(us / 1e6), int32(us % 1e6)}
	if timeout < 0 {
		limit = nil
	}
	n, _, err := syscall.SyscallN(procSelect.Addr(), 0, uintptr(unsafe.Pointer(&c.read[0])), uintptr(unsafe.Pointer(&c.write[0])),
		uintptr(unsafe.Pointer(&c.except[0])), uintptr(unsafe.Pointer(limit)))
	if int32(n) < 0 {
		return os.NewSyscallError("select", err)
	}
	return nil
}
