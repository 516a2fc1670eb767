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
// descriptor; regular files are always ready. Once RLIMIT_NOFILE was lowered below
// the number of registrations, waits fail with EINVAL.
//
// EventHangup is refused where the kernel has no POLLRDHUP, with an error that
// matches [errors.ErrUnsupported]: Linux has it, FreeBSD from 13 on, and illumos.
// KqueueSelector has EventHangup on all BSDs.
//
// Some kernels tell less to poll, and KqueueSelector does better there:
//
//   - macOS fails for devices and directories, and doesn't tell of a FIFO's end:
//     Register refuses them with EINVAL. [SelectSelector] can wait for those.
//   - FreeBSD 12 sleeps through the hang-up of a pipe or FIFO that was
//     registered for nothing that this end can do, such as EventPriority alone.
//     Every FreeBSD sleeps through that of a terminal that was registered for
//     neither EventRead nor EventWrite. The next wait finds it (pipe_poll,
//     ptsdev_poll, ttydev_poll).
//   - FreeBSD 15, unix stream sockets (uipc_sopoll_stream_or_seqpacket,
//     unp_soisdisconnected). One whose own writing side is shut shows as hung up
//     if EventWrite is asked for: don't ask for it while you wait for the answer.
//     One that has shut both sides itself shows so only then. EventPriority alone
//     never wakes a wait. The close of a full one's peer doesn't wake who waits
//     for EventWrite; the next wait finds it.
//   - DragonFly takes any socket whose own writing side is shut for one that
//     has hung up, where EventWrite is asked for, and a FIFO has no end and
//     room on its read end (poll_copyout, filt_fiforead, fifo_kqfilter). Who
//     asks for EventPriority alone hears of no hang-up.
//   - illumos shows a socket's error as readable and writable alone as long as
//     nobody has taken it (so_poll).
type PollSelector struct {
	core
	*pollFiles

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

// pollFiles are a selector's descriptors, of a PollSelector or a SelectSelector.
type pollFiles struct {
	*waker
	alarms alarms
}

func (f *pollFiles) release() {
	f.waker.release()
	f.alarms.release()
}

// NewPollSelector returns a selector that waits by poll(2). It fails with an
// *os.SyscallError where that is not permitted, or out of descriptors.
func NewPollSelector() (*PollSelector, error) {
	k, err := newWaker()
	if err != nil {
		return nil, err
	}
	s := &PollSelector{pollFiles: &pollFiles{waker: k}}
	s.fds = []unix.PollFd{newPollFd(k.r, EventRead)}
	if _, _, err := pollWait(s.fds, 0); err != nil {
		k.release()
		return nil, err
	}
	s.init(s, s.pollFiles, true)
	return s, nil
}

func (s *PollSelector) add(fd int, e *entry) error {
	if e.events&EventHangup != 0 && !tellsHangup() {
		return errHangup
	}
	// poll has no error for a closed descriptor, only POLLNVAL when it waits.
	p, err := pollFd(fd, e.events)
	if err != nil {
		return err
	}
	e.pos = uint32(len(s.fds))
	s.fds = append(s.fds, p)
	s.move(len(s.fds) - 1)
	return nil
}

func (s *PollSelector) modify(fd int, _ EventMask, e *entry) error {
	if e.events&EventHangup != 0 && !tellsHangup() {
		return errHangup
	}
	p, err := pollFd(fd, e.events)
	if err != nil {
		s.remove(fd, e)
		return err
	}
	if e.pos == 0 {
		return s.add(fd, e)
	}
	s.fds[e.pos] = p
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
// as whatever was asked for, and so does POLLNVAL of an open descriptor: DragonFly
// says that of a pipe whose other end is gone (poll_copyout takes EPIPE, which
// is 32, for it).
func pollMask(p *unix.PollFd) (events EventMask) {
	if p.Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
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
	since uint64 // the core's changes when look or prepare was called
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
	w.prepare(dst)
	var err error
	if w.n, _, err = pollWait(w.fds, 0); err != nil {
		return dst, err
	}
	return w.take(dst)
}

func (w *pollWaiter) prepare(dst []Ready) ([]Ready, error) {
	w.since = w.s.changes
	w.follow()
	return dst, nil
}

func (w *pollWaiter) wait(timeout time.Duration) (over bool, err error) {
	fds := w.fds
	alarm := w.s.alarms.set(timeout)
	if alarm < 0 {
		w.n, over, err = pollWait(fds, timeout)
		return over, err
	}
	defer w.s.alarms.put(alarm)
	last := len(fds)
	fds = append(fds, newPollFd(alarm, EventRead))
	w.fds = fds[:last]
	w.n, _, err = pollWait(fds, -1)
	if w.n > 0 && fds[last].Revents != 0 {
		// A number that was closed while registered may be the timer's by now.
		for i := range fds {
			if p := &fds[i]; p.Fd == int32(alarm) && p.Revents != 0 {
				p.Revents = 0
				w.n--
			}
		}
		over = w.n == 0
	}
	return over, err
}

// pollWait is poll(2). A negative timeout never ends; one of 0 is not ended by a
// signal.
func pollWait(fds []unix.PollFd, timeout time.Duration) (n int, over bool, err error) {
	ms := -1
	if timeout >= 0 {
		ms = int(ceil(timeout, time.Millisecond))
	}
	n, err = unix.Poll(fds, ms)
	for err == unix.EINTR && ms == 0 {
		n, err = unix.Poll(fds, ms)
	}
	switch err {
	case nil:
		return n, n == 0, nil
	case unix.EINTR:
		return 0, false, nil
	}
	return 0, false, os.NewSyscallError("poll", err)
}

func (w *pollWaiter) take(dst []Ready) ([]Ready, error) {
	dst, invalid, err := w.collect(dst)
	if err != nil || !invalid {
		return dst, err
	}
	// DragonFly and macOS make their poll of kqueue, and where a descriptor is
	// refused they look at no other (kern_kevent, poll_nocancel). So look again
	// without all that has answered.
	for i := range w.fds {
		if w.fds[i].Revents != 0 {
			w.fds[i].Fd = -1
		}
	}
	if w.n, _, err = pollWait(w.fds, 0); err == nil {
		dst, _, err = w.collect(dst)
	}
	w.fds = append(w.fds[:0], w.s.fds...)
	w.seen = w.s.first + uint64(len(w.s.moved))
	return dst, err
}

// collect appends what has answered, and reports whether anything was invalid.
func (w *pollWaiter) collect(dst []Ready) (_ []Ready, invalid bool, err error) {
	for i := 0; w.n > 0 && i < len(w.fds); i++ {
		p := &w.fds[i]
		if p.Revents == 0 {
			continue
		}
		w.n--
		if i == 0 {
			if p.Revents&unix.POLLNVAL != 0 {
				// Somebody closed a descriptor that was not theirs.
				return dst, false, os.NewSyscallError("poll", unix.EBADF)
			}
			if !w.s.signalled {
				w.s.waker.drain() // somebody else wrote to it
			}
			continue
		}
		gone := p.Revents&unix.POLLNVAL != 0
		invalid = invalid || gone
		e := w.s.table.find(int(p.Fd))
		if e == nil || e.gen > w.since {
			continue
		}
		if gone && checkOpen(int(p.Fd)) != nil {
			// Closed while registered: it would be reported for ever.
			w.s.remove(int(p.Fd), e)
			continue
		}
		if gone {
			// Either the number names another file since, or poll says it again.
			again := [1]unix.PollFd{{Fd: p.Fd, Events: p.Events}}
			pollWait(again[:], 0)
			p.Revents = again[0].Revents
		}
		if mask := pollMask(p) & e.events; mask != 0 {
			if len(dst) == cap(dst) {
				dst = slices.Grow(dst, w.n+1)
			}
			dst = append(dst, Ready{e.key, mask})
		}
	}
	return dst, invalid, nil
}
