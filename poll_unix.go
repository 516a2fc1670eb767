// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A PollSelector waits by poll(2). Each wait costs time in proportion to the
// registrations, and counts its timeout in milliseconds. It takes any
// descriptor; regular files are always ready. On macOS poll fails for
// devices: [SelectSelector] can wait for those. On FreeBSD 12 a wait sleeps
// through the hang-up of a pipe, FIFO or terminal that was registered for nothing
// that this end of it can do, such as EventPriority alone, and the next one
// finds it (pipe_poll).
type PollSelector struct {
	core
	waker

	// fds is what a wait passes to the kernel: the waker, then the registered
	// descriptors, without those that were found closed. An entry's pos is
	// its index here, 0 if it has none. Each waiter has a copy, since the
	// kernel writes to it.
	fds []unix.PollFd

	// moved has the indexes in fds that were written to, and first counts
	// those that were dropped from its front: once there are as many as in
	// fds it is cheaper to copy that.
	moved []int
	first uint64
}

// NewPollSelector returns a selector that waits by poll(2). It fails with an
// *os.SyscallError where that is not permitted, or out of descriptors.
func NewPollSelector() (*PollSelector, error) {
	k, err := newWaker()
	if err != nil {
		return nil, err
	}
	s := &PollSelector{waker: k}
	s.fds = []unix.PollFd{newPollFd(k.r, EventRead)}
	if _, err := unix.Poll(s.fds, 0); err != nil && err != unix.EINTR {
		s.release()
		return nil, os.NewSyscallError("poll", err)
	}
	s.init(s, true)
	return s, nil
}

func (s *PollSelector) add(fd int, e *entry) error {
	if e.events&EventHangup != 0 && pollRDHUP == 0 {
		return errHangup
	}
	// poll has no error for a closed descriptor, only POLLNVAL when it waits.
	if err := checkOpen(fd); err != nil {
		return err
	}
	e.pos = uint32(len(s.fds))
	s.fds = append(s.fds, newPollFd(fd, e.events))
	s.move(len(s.fds) - 1)
	return nil
}

func (s *PollSelector) modify(fd int, _ EventMask, e *entry) error {
	if e.events&EventHangup != 0 && pollRDHUP == 0 {
		return errHangup
	}
	if err := checkOpen(fd); err != nil {
		s.remove(fd, e)
		return err
	}
	if e.pos == 0 {
		return s.add(fd, e)
	}
	s.fds[e.pos] = newPollFd(fd, e.events)
	s.move(int(e.pos))
	return nil
}

// remove puts the last descriptor into the place of the one that goes.
func (s *PollSelector) remove(_ int, e *entry) {
	i := int(e.pos)
	if i == 0 {
		return
	}
	last := len(s.fds) - 1
	if i < last {
		s.fds[i] = s.fds[last]
		s.table.find(int(s.fds[i].Fd)).pos = e.pos
		s.move(i)
	}
	s.fds = s.fds[:last]
	e.pos = 0
}

// move notes that fds was written to.
func (s *PollSelector) move(i int) {
	if len(s.moved) >= len(s.fds) {
		s.first += uint64(len(s.moved))
		s.moved = s.moved[:0]
	}
	s.moved = append(s.moved, i)
}

// newPollFd returns what to ask the kernel for.
func newPollFd(fd int, events EventMask) unix.PollFd {
	p := unix.PollFd{Fd: int32(fd)}
	if events&EventRead != 0 {
		p.Events |= unix.POLLIN
	}
	if events&EventWrite != 0 {
		p.Events |= unix.POLLOUT
	}
	if events&EventPriority != 0 {
		p.Events |= unix.POLLPRI
	}
	if events&EventHangup != 0 {
		p.Events |= pollRDHUP
	}
	return p
}

// pollMask returns the mask for what the kernel answers. Hang-up and error count
// as whatever was asked for.
func pollMask(p *unix.PollFd) (events EventMask) {
	if p.Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
		return allEvents
	}
	if p.Revents&unix.POLLIN != 0 {
		events |= EventRead
	}
	if p.Revents&unix.POLLOUT != 0 {
		events |= EventWrite
	}
	if p.Revents&unix.POLLPRI != 0 {
		events |= EventPriority
	}
	if p.Revents&pollRDHUP != 0 {
		events |= EventHangup
	}
	return events
}

type pollWaiter struct {
	s     *PollSelector
	fds   []unix.PollFd
	n     int    // how many have an answer
	seen  uint64 // how many moves fds has followed
	since uint64 // the core's changes when look was called
}

func (s *PollSelector) newWaiter() waiter {
	return &pollWaiter{s: s, fds: slices.Clone(s.fds), seen: s.first + uint64(len(s.moved))}
}

// follow brings the copy up to date.
func (w *pollWaiter) follow() {
	s := w.s
	if w.seen < s.first {
		w.fds = append(w.fds[:0], s.fds...)
	} else {
		n := len(w.fds)
		w.fds = slices.Grow(w.fds, max(len(s.fds)-n, 0))[:len(s.fds)]
		for _, i := range s.moved[w.seen-s.first:] {
			if i < len(s.fds) {
				w.fds[i] = s.fds[i]
			}
		}
	}
	w.seen = s.first + uint64(len(s.moved))
}

func (w *pollWaiter) look(dst []Ready) ([]Ready, error) {
	w.since = w.s.changes
	w.follow()
	for {
		n, err := unix.Poll(w.fds, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return dst, os.NewSyscallError("poll", err)
		}
		w.n = n
		return w.take(dst)
	}
}

func (w *pollWaiter) wait(timeout time.Duration) (err error) {
	ms := -1
	if timeout >= 0 {
		ms = int(ceil(timeout, time.Millisecond))
	}
	w.n, err = unix.Poll(w.fds, ms)
	if err == unix.EINTR {
		w.n, err = 0, nil
	}
	return os.NewSyscallError("poll", err)
}

func (w *pollWaiter) take(dst []Ready) ([]Ready, error) {
	dst = slices.Grow(dst, w.n)
	for i := 0; w.n > 0 && i < len(w.fds); i++ {
		p := &w.fds[i]
		if p.Revents == 0 {
			continue
		}
		w.n--
		if i == 0 {
			continue
		}
		e := w.s.table.find(int(p.Fd))
		if e == nil || e.gen > w.since {
			continue
		}
		if p.Revents&unix.POLLNVAL != 0 {
			// Closed while registered: it would be reported for ever.
			w.s.remove(int(p.Fd), e)
		} else if mask := pollMask(p) & e.events; mask != 0 {
			dst = append(dst, Ready{e.key, mask})
		}
	}
	return dst, nil
}

func (s *PollSelector) release() { s.waker.close() }
