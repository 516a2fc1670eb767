// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"hash/maphash"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var constructors = []func() (Selector, error){
	generic(NewIOCPSelector), generic(NewSelectSelector),
}

// An IOCPSelector waits for sockets by an I/O completion port. Each wait costs
// time in proportion to what is ready, and counts its timeout in half
// milliseconds from Windows 10 1803 on, as long as it is the only one with a
// timeout on its selector; else in ticks of the system's clock, which are 15.6 ms
// unless somebody asked for finer ones. It takes sockets alone: what is not an
// open socket (a file, a pipe, a console) is refused with WSAENOTSOCK. The
// sockets may be on another completion port as well, as those of package net are.
//
// A hang-up is a reset or a failed connect. The system tells only what the peer
// did: a connection that both sides have shut shows as readable and writable, not
// as every event that was asked for. A stream socket
// that was never connected is ready for nothing. Wine doesn't tell EventHangup
// before the data that came earlier is read, unless it is a reset.
type IOCPSelector struct {
	core
	port *afdPort

	asks []uint32 // polls to ask for at the next look

	// leaving has the polls whose registration is gone and whose packet is
	// still to come, by socket: who registers the socket again takes over the
	// poll, and so waits for the packet.
	leaving map[windows.Handle]uint32
	late    int // registrations that wait for the packet of a cancelled poll

	count uint64 // of looks
	looks iocpPackets
	waits iocpPackets
	state socketState
}

// NewIOCPSelector returns a selector that waits by a completion port. It fails
// with an *os.SyscallError where the system can't poll sockets that way (old
// versions of Wine), or is out of memory.
func NewIOCPSelector() (*IOCPSelector, error) {
	if err := startWinsock(); err != nil {
		return nil, err
	}
	port, err := newPort()
	if err != nil {
		return nil, err
	}
	s := &IOCPSelector{port: port, leaving: make(map[windows.Handle]uint32)}
	if err := s.probe(); err != nil {
		port.release()
		return nil, err
	}
	s.init(s, port)
	return s, nil
}

// probe tries a poll, to find out whether the system takes it.
func (s *IOCPSelector) probe() error {
	socket, err := newSocket()
	if err != nil {
		return err
	}
	defer windows.Closesocket(socket)
	e := entry{events: EventWrite}
	if err := s.add(int(socket), &e); err != nil {
		return err
	}
	s.remove(int(socket), &e)
	return nil
}

// allocate returns an unused poll.
func (s *IOCPSelector) allocate() (uint32, error) {
	i, ok := s.port.allocate()
	if !ok && len(s.leaving) > 0 {
		// Who registers and unregisters without ever waiting must not use up
		// more and more.
		s.reap()
		i, ok = s.port.allocate()
	}
	if !ok {
		if err := s.port.createGroup(); err != nil {
			return 0, err
		}
		i, _ = s.port.allocate()
	}
	return i, nil
}

// reap takes the packets that are there. What they report, the next look finds
// again.
func (s *IOCPSelector) reap() {
	if s.receive(&s.looks, 0) == nil {
		s.decode(nil, &s.looks, 0)
	}
}

// afdInterest has what to ask the driver for, by mask. A peer's half-close is
// asked for together with reading and EventHangup alone, since it lasts: without
// them it would end every poll for writing. The other three are always of
// interest, and AFD_POLL_CONNECT never: it lasts as long as the connection.
var afdInterest = func() (interest [allEvents + 1]uint32) {
	for events := range EventMask(len(interest)) {
		interest[events] = afdAbort | afdLocalClose | afdConnectFail
		if events&EventRead != 0 {
			interest[events] |= afdReceive | afdAccept | afdDisconnect
		}
		if events&EventWrite != 0 {
			interest[events] |= afdSend
		}
		if events&EventPriority != 0 {
			interest[events] |= afdReceiveExpedited
		}
		if events&EventHangup != 0 {
			interest[events] |= afdDisconnect
		}
	}
	return interest
}()

// afdMask returns the mask for what the driver answers. A reset and a failed
// connect count as whatever was asked for.
func afdMask(answer uint32) (events EventMask) {
	if answer&(afdAbort|afdConnectFail) != 0 {
		return allEvents
	}
	if answer&(afdReceive|afdAccept|afdDisconnect) != 0 {
		events |= EventRead
	}
	if answer&afdSend != 0 {
		events |= EventWrite
	}
	if answer&afdReceiveExpedited != 0 {
		events |= EventPriority
	}
	if answer&afdDisconnect != 0 {
		events |= EventHangup
	}
	return events
}

// ask makes the request of an idle poll. It fails with WSAENOTSOCK if the
// number names no socket any more.
func (s *IOCPSelector) ask(i uint32) error {
	p := s.port.poll(i)
	if err := s.port.ask(i, afdInterest[p.events&allEvents]); err != nil {
		return err
	}
	p.state = pollPending
	p.asked = p.events
	p.kept = false
	p.look = s.count
	return nil
}

// queue has a poll asked for again at the next look.
func (s *IOCPSelector) queue(i uint32) {
	if p := s.port.poll(i); !p.queued {
		p.queued = true
		s.asks = append(s.asks, i)
	}
}

// askQueued asks for all that wait for it. Where that can't be done, the rest
// goes on waiting.
func (s *IOCPSelector) askQueued() error {
	for len(s.asks) > 0 {
		last := len(s.asks) - 1
		i := s.asks[last]
		// What was given up meanwhile may be gone.
		if p := s.port.poll(i); p != nil {
			if p.owned && p.state == pollIdle {
				if err := s.ask(i); notTheSockets(err) {
					return err
				}
				// All other errors are of sockets that were closed while
				// registered: they are asked for no more.
			}
			p.queued = false
		}
		s.asks = s.asks[:last]
	}
	return nil
}

func (s *IOCPSelector) add(fd int, e *entry) error {
	base, err := baseSocket(windows.Handle(fd))
	if err != nil {
		return err
	}
	id, err := s.socketID(windows.Handle(fd))
	if err != nil {
		return err
	}
	i, late := s.leaving[base]
	if late {
		delete(s.leaving, base)
		s.late++
	} else if i, err = s.allocate(); err != nil {
		return err
	}
	p := s.port.poll(i)
	p.fd, p.base, p.id, p.events, p.owned = fd, base, id, e.events, true
	e.pos = i
	if !late {
		if err := s.ask(i); err != nil {
			s.port.give(i)
			return err
		}
	}
	return nil
}

// modify begins anew, since the number may name another socket by now. If it
// doesn't, and the kernel was asked for all that and more, what is too much is
// left out when it comes.
func (s *IOCPSelector) modify(fd int, _ EventMask, e *entry) error {
	p := s.port.poll(e.pos)
	if p.state == pollPending && p.id != 0 && afdInterest[e.events&allEvents]&^afdInterest[p.asked&allEvents] == 0 {
		if id, err := s.socketID(windows.Handle(fd)); err == nil && id == p.id {
			p.events = e.events
			p.kept = true
			return nil
		}
	}
	s.remove(fd, e)
	return s.add(fd, e)
}

func (s *IOCPSelector) remove(_ int, e *entry) {
	i := e.pos
	p := s.port.poll(i)
	p.owned = false
	switch p.state {
	case pollIdle:
		s.port.give(i)
		return
	case pollPending:
		s.port.cancel(i)
		p.state = pollCancelled
	case pollCancelled:
		s.late--
	}
	s.leaving[p.base] = i
}

// socketID returns a number that tells an open socket from others, by its
// addresses; 0 if it has none. It fails with WSAENOTSOCK for what is no open
// socket.
func (s *IOCPSelector) socketID(socket windows.Handle) (uint64, error) {
	s.state = socketState{}
	n := int32(unsafe.Sizeof(s.state))
	err := windows.Getsockopt(socket, windows.SOL_SOCKET, soBspState, (*byte)(unsafe.Pointer(&s.state)), &n)
	if err != nil {
		return 0, checkOpen(socket) // not every kind of socket has that
	}
	if port := s.state.addresses[2:4]; port[0] == 0 && port[1] == 0 {
		return 0, nil
	}
	return maphash.Bytes(socketSeed, s.state.addresses[:]), nil
}

var socketSeed = maphash.MakeSeed()

// A socketState is CSADDR_INFO, with the addresses that it points to.
type socketState struct {
	local, remote struct {
		address uintptr
		size    int32
	}
	socketType, protocol int32
	addresses            [256]byte
}

// soBspState is SO_BSP_STATE, which gives both addresses of a socket at once.
const soBspState = 0x1009

// iocpPackets have room for packets.
type iocpPackets struct {
	packets []overlappedEntry
	n       int // how many there are
}

// look asks for what was reported, and takes the packets. One of a request
// that is older than this look may tell what has changed since, so that is asked
// again. It is called before each wait, which finds no old packets then.
func (s *IOCPSelector) look(dst []Ready) ([]Ready, error) {
	s.count++
	if err := s.askQueued(); err != nil {
		return dst, err
	}
	b := &s.looks
	for timeout := time.Duration(0); ; {
		if err := s.receive(b, timeout); err != nil {
			return dst, err
		}
		n := b.n
		asked := false
		dst, asked = s.decode(dst, b, s.count)
		if asked {
			timeout = 0
			continue
		}
		// If the leader is in the kernel, the packet may be in its hands.
		if s.late == 0 || s.inside || n == 0 && timeout > 0 {
			break
		}
		timeout = cancelGrace
	}
	if s.inside {
		// The leader would sleep through what comes next. An error comes again at
		// the next look.
		s.askQueued()
	}
	return dst, nil
}

func (s *IOCPSelector) prepare() error { return s.askQueued() }

// wait leaves the packets in the buffer. It never says that the time is over:
// the system counts from its last tick.
func (s *IOCPSelector) wait(timeout time.Duration) (over bool, err error) {
	armed := timeout > 0 && s.port.timer.arm(s.port.handle, timeout)
	err = s.receive(&s.waits, timeout)
	if armed {
		s.port.timer.disarm()
	}
	return false, err
}

func (s *IOCPSelector) take(dst []Ready) ([]Ready, error) {
	dst, _ = s.decode(dst, &s.waits, 0)
	return dst, nil
}

// receive fills the buffer, and grows it until not all of it is needed.
func (s *IOCPSelector) receive(b *iocpPackets, timeout time.Duration) error {
	if b.packets == nil {
		b.packets = make([]overlappedEntry, 8)
	}
	b.n = 0
	for {
		n, err := s.port.receive(b.packets[b.n:], timeout)
		b.n += n
		if err != nil && b.n == 0 {
			return err
		}
		if err != nil || b.n < len(b.packets) {
			return nil // an error must not lose the packets
		}
		b.packets = slices.Grow(b.packets, len(b.packets))
		b.packets = b.packets[:cap(b.packets)]
		timeout = 0
	}
}

// decode appends what the packets report to dst, without answers to requests
// from before the given look, and says whether it has asked anything again.
func (s *IOCPSelector) decode(dst []Ready, b *iocpPackets, look uint64) (_ []Ready, asked bool) {
	for k := range b.packets[:b.n] {
		if b.packets[k].key != pollKey {
			continue
		}
		i := uint32(b.packets[k].context - 1)
		p := s.port.poll(i)
		// An empty answer to a new request can come again and again.
		again := p.look < look || p.kept || p.state == pollCancelled
		state := p.state
		p.state = pollIdle
		if !p.owned {
			if s.leaving[p.base] == i {
				delete(s.leaving, p.base)
			}
			s.port.give(i)
			continue
		}
		var mask EventMask
		switch {
		case state == pollCancelled:
			s.late--
		case p.look < look, p.status.Status == windows.STATUS_CANCELLED, p.info.numberOfHandles == 0:
		case p.status.Status>>30 == 3:
			// The severity is error: who reads or writes will meet it.
			mask = p.events & allEvents
		case p.info.events&afdLocalClose != 0 && !p.kept:
			continue
		default:
			mask = afdMask(p.info.events) & p.events
		}
		if mask != 0 {
			dst = append(dst, Ready{s.table.find(p.fd).key, mask})
			s.queue(i)
		} else if err := s.ask(i); err == nil {
			asked = asked || again
		} else if notTheSockets(err) {
			s.queue(i)
		}
	}
	b.n = 0
	return dst, asked
}

func (s *IOCPSelector) wake() error { return s.port.post() }

func (s *IOCPSelector) drain() {}
