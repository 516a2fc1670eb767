// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// An IOCPSelector waits for sockets by an I/O completion port. It takes sockets
// alone: what is not an open socket (a file, a pipe, a console) is refused with
// WSAENOTSOCK. The sockets may be on another completion port as well, as those of
// package net are. Each wait costs time in proportion to what is ready. It counts
// its timeout in half milliseconds from Windows 10 1803 on, before that in ticks of
// the system's clock, which are 15.6 ms unless somebody asked for finer ones.
//
// A hang-up is a reset or a failed connect. The system tells only what the peer
// did: a connection that both sides have shut shows as readable and writable, not
// as every event that was asked for. A stream socket that was never connected is
// ready for nothing.
type IOCPSelector struct {
	core
	port *afdPort

	asks    []*afdPoll        // polls to ask for, as the next look or wait begins
	looks   uint64            // counts the looks
	looked  []overlappedEntry // the packets of a look
	arrived []overlappedEntry // the packets of a wait
}

// NewIOCPSelector returns a selector that waits by a completion port. It fails
// with an [*os.SyscallError] if the system can't poll sockets that way, or is out
// of memory.
func NewIOCPSelector() (*IOCPSelector, error) {
	socket, err := newSocket()
	if err != nil {
		return nil, err
	}
	defer windows.Closesocket(socket)
	port, err := newPort()
	if err != nil {
		return nil, err
	}
	s := &IOCPSelector{port: port}
	// Whether the system takes a poll is found out by one.
	e := entry{events: EventWrite}
	if err := s.add(int(socket), &e); err != nil {
		port.release()
		return nil, err
	}
	s.remove(int(socket), &e)
	s.init(s, port)
	return s, nil
}

func (s *IOCPSelector) add(fd int, e *entry) error {
	base, err := baseSocket(windows.Handle(fd))
	if err != nil {
		return err
	}
	if s.port.full() {
		// Who registers and unregisters without ever waiting must not use up more
		// and more. What the packets report, the next look finds again. It isn't a look
		// itself: that asks for all that is ready, each time.
		s.looked, _ = s.port.receive(s.looked, 0)
		s.report(nil, s.looked, 0)
		if s.inside {
			s.prepare() // the leader would sleep through what was taken from it
			s.settle(nil)
		}
	}
	p, err := s.port.allocate()
	if err != nil {
		return err
	}
	p.base, p.events = base, e.events
	if err := s.port.ask(p, s.looks); err != nil {
		s.port.give(p)
		return err
	}
	p.fd, e.pos = fd, p.index
	return nil
}

// modify begins anew, since the number may name another socket by now.
func (s *IOCPSelector) modify(fd int, _ EventMask, e *entry) error {
	s.remove(fd, e)
	return s.add(fd, e)
}

// remove leaves what is pending to its packet, which comes in any case.
func (s *IOCPSelector) remove(_ int, e *entry) {
	p := s.port.poll(e.pos)
	p.fd = 0
	if p.pending {
		ntCancelIoFileEx(p.group.handle, &p.status)
	} else {
		s.port.give(p)
	}
}

// look asks for what was reported, and takes the packets. What an older request
// tells may be over, so that is asked again.
func (s *IOCPSelector) look(dst []Ready) (_ []Ready, err error) {
	s.looks++
	if err := s.prepare(); err != nil {
		return dst, err
	}
	for more := true; more; {
		if s.looked, err = s.port.receive(s.looked, 0); err != nil {
			return dst, err
		}
		dst, more = s.report(dst, s.looked, s.looks)
	}
	if s.inside {
		// The leader would sleep through what comes next. An error comes again at
		// the next look.
		s.prepare()
	}
	return dst, nil
}

// prepare asks for all that is queued, or leaves it there if that can't be done.
func (s *IOCPSelector) prepare() error {
	for _, p := range s.asks {
		if p.fd != 0 && !p.pending { // it may be unused, or another registration's by now
			// What was closed while registered is asked for no more.
			if err := s.port.ask(p, s.looks); err != nil && !errors.Is(err, windows.WSAENOTSOCK) {
				return err
			}
		}
		p.queued = false
	}
	clear(s.asks)
	s.asks = s.asks[:0]
	return nil
}

func (s *IOCPSelector) wait(timeout time.Duration) (over bool, err error) {
	armed := timeout > 0 && s.port.timer.arm(s.port.handle, timeout)
	s.arrived, err = s.port.receive(s.arrived, timeout)
	if armed {
		s.port.timer.disarm()
	}
	return false, err
}

func (s *IOCPSelector) take(dst []Ready) ([]Ready, error) {
	dst, _ = s.report(dst, s.arrived, 0)
	return dst, nil
}

// report appends to dst what the packets tell, without answers to requests from
// before the given look. It asks those again, and says whether it has.
func (s *IOCPSelector) report(dst []Ready, packets []overlappedEntry, look uint64) (_ []Ready, asked bool) {
	for _, packet := range packets {
		if packet.key != pollKey {
			continue
		}
		p := s.port.poll(uint32(packet.context - 1))
		p.pending = false
		var mask EventMask
		switch {
		case p.fd == 0:
			s.port.give(p)
			continue
		case p.look < look:
			if s.port.ask(p, look) == nil {
				asked = true
				continue
			}
			// The next look meets the error again.
		case p.status.Status == windows.STATUS_CANCELLED, p.info.numberOfHandles == 0:
			// The thread that asked has ended (seen under Wine), or it is nothing.
		case p.status.Status>>30 == 3:
			// The severity is error: who reads or writes will meet it.
			mask = p.events & allEvents
		case p.info.events&afdLocalClose != 0:
			continue
		default:
			for _, of := range afdEvents {
				if p.info.events&of.bits != 0 {
					mask |= p.events & of.event
				}
			}
		}
		if mask != 0 {
			dst = append(dst, Ready{s.table.find(p.fd).key, mask})
		}
		if !p.queued {
			p.queued = true
			s.asks = append(s.asks, p)
		}
	}
	return dst, asked
}

func (s *IOCPSelector) wake() error {
	err := windows.PostQueuedCompletionStatus(s.port.handle, 0, wakeKey, nil)
	return os.NewSyscallError("PostQueuedCompletionStatus", err)
}

// drain has nothing to do: the next look takes the packet that is left, or a wait,
// which goes on.
func (s *IOCPSelector) drain() {}
