// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A PollSelector waits by poll(2). It takes any descriptor; regular files are
// always ready. Each wait costs time in proportion to the registrations, and
// counts its timeout in milliseconds. Once RLIMIT_NOFILE was lowered below the
// number of registrations, waits fail with EINVAL.
//
// On Linux a stop of the process (SIGSTOP) makes waits longer: its time isn't
// counted. There a socket that has an unread error, and is registered for
// EventHangup alone, is looked at every 50 ms.
//
// EventHangup is refused with an error that matches [errors.ErrUnsupported] if the
// kernel has no POLLRDHUP. Linux has it, FreeBSD from 13 on, and illumos.
//
// On macOS and the BSDs KqueueSelector hears more, and takes more files. [What each
// system can and can't do] has the cases.
//
// [What each system can and can't do]: https://github.com/go-selectors/selectors/blob/main/docs/systems.md#macos-and-the-bsds
type PollSelector struct {
	core
	*waker

	// fds is what is passed to the kernel: the waker, then the registered
	// descriptors, without those that were found closed. An entry's pos is
	// its index here, 0 if it has none.
	fds          []unix.PollFd
	looks, waits pollFds
}

// pollFds are a copy of a PollSelector's descriptors, which the kernel writes to.
type pollFds struct {
	fds   []unix.PollFd
	n     int    // how many have an answer
	since uint64 // the core's changes when they were copied

	// leftOut says that some were left out that have nothing to tell, and would end
	// each wait, nap that the wait is without them, and so a short one.
	leftOut, nap bool
}

// napTime is how often a socket is looked at that has an error and nothing to tell:
// EventHangup alone was asked for, and poll can't be asked for no errors.
const napTime = 50 * time.Millisecond

// NewPollSelector returns a selector that waits by poll(2). It fails with an
// [*os.SyscallError] if that is not permitted, or if the system is out of
// descriptors.
func NewPollSelector() (*PollSelector, error) {
	k, err := newWaker()
	if err != nil {
		return nil, err
	}
	s := &PollSelector{waker: k}
	s.fds = []unix.PollFd{newPollFd(k.r, EventRead)}
	if _, _, err := pollWait(s.fds, 0); err != nil {
		k.release()
		return nil, err
	}
	s.copies, s.tellsHangup = true, tellsHangup
	s.changes = 1 // nothing is copied yet
	s.init(s, k)
	return s, nil
}

func (s *PollSelector) add(fd int, e *entry) error {
	// poll has no error for a closed descriptor, only POLLNVAL when it waits.
	if err := checkOpen(fd); err != nil {
		return err
	}
	p := newPollFd(fd, e.events)
	if pollRefuses || socketsRDHUP && e.events&EventHangup != 0 {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return os.NewSyscallError("fstat", err)
		}
		kind := st.Mode & unix.S_IFMT
		if socketsRDHUP && kind != unix.S_IFSOCK {
			p.Events &^= pollRDHUP
		}
		asked := [1]unix.PollFd{p}
		if pollRefuses {
			if _, _, err := pollWait(asked[:], 0); err != nil {
				return err
			}
		}
		// A FIFO has a device; it is 0 for a pipe (pipe_stat).
		if pollRefuses && (kind == unix.S_IFIFO && st.Dev != 0 || asked[0].Revents&unix.POLLNVAL != 0) {
			return fmt.Errorf("%w; SelectSelector may be able to wait for it", os.NewSyscallError("poll", unix.EINVAL))
		}
	}
	e.pos = uint32(len(s.fds))
	s.fds = append(s.fds, p)
	return nil
}

func (s *PollSelector) modify(fd int, _ EventMask, e *entry) error {
	s.remove(fd, e)
	return s.add(fd, e)
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
	}
	s.fds = s.fds[:last]
	e.pos = 0
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

// pollMask returns the mask for what the kernel answers, of what was asked for.
// Hang-up and error count as all of that, but that an error alone of a socket is no
// hang-up: it lives on.
//
// Some kernels tell less. docs/systems.md has what a user sees of it; it comes from
//
//   - FreeBSD: pipe_poll, ptsdev_poll, ttydev_poll; from 15 on, of unix sockets,
//     uipc_sopoll_stream_or_seqpacket and unp_soisdisconnected.
//   - DragonFly: poll_copyout, filt_fiforead, fifo_kqfilter.
//   - NetBSD: sodopoll, which has no POLLHUP; pipe_poll, fifo_poll.
//   - illumos: so_poll in sockcommon_sops.c.
func pollMask(fd int, events EventMask, answer uint32) EventMask {
	gone := answer & (unix.POLLERR | unix.POLLHUP)
	if pollStops {
		// DragonFly says POLLNVAL of a pipe whose other end is gone (poll_copyout
		// takes EPIPE, which is 32, for it).
		gone |= answer & unix.POLLNVAL
	}
	var mask EventMask
	if gone != 0 {
		mask = allEvents
		if gone == unix.POLLERR && answer&pollRDHUP == 0 && events&EventHangup != 0 && isOpenSocket(fd) {
			mask &^= EventHangup
		}
	}
	if answer&unix.POLLIN != 0 {
		mask |= EventRead
	}
	if answer&unix.POLLOUT != 0 {
		mask |= EventWrite
	}
	if answer&unix.POLLPRI != 0 {
		mask |= EventPriority
	}
	if answer&pollRDHUP != 0 {
		mask |= EventHangup
	}
	return mask & events
}

// update makes the copy anew if anything has changed.
func (s *PollSelector) update(b *pollFds) {
	if b.leftOut || b.since != s.changes {
		b.fds = append(b.fds[:0], s.fds...)
		b.since, b.leftOut = s.changes, false
	}
}

func (s *PollSelector) look(dst []Ready) ([]Ready, error) {
	b := &s.looks
	s.update(b)
	var err error
	if b.n, _, err = pollWait(b.fds, 0); err != nil {
		return dst, err
	}
	return s.collect(dst, b)
}

func (s *PollSelector) prepare() error {
	b := &s.waits
	if b.nap = b.leftOut && b.since == s.changes; b.nap {
		s.changes++ // after the nap all are asked again
		return nil
	}
	s.update(b)
	return nil
}

func (s *PollSelector) wait(timeout time.Duration) (over bool, err error) {
	b := &s.waits
	if b.nap && (timeout < 0 || timeout > napTime) {
		b.n, _, err = pollWait(b.fds, napTime)
		return false, err
	}
	b.n, over, err = pollWait(b.fds, timeout)
	return over, err
}

// pollWait is poll(2), on Linux by ppoll(2). A negative timeout never ends; one of 0 is not ended by a
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

func (s *PollSelector) take(dst []Ready) ([]Ready, error) { return s.collect(dst, &s.waits) }

// collect appends what has answered.
func (s *PollSelector) collect(dst []Ready, b *pollFds) ([]Ready, error) {
	dst, invalid, err := s.answers(dst, b)
	if !pollStops || !invalid || err != nil {
		return dst, err
	}
	// Look again without all that has answered.
	for i := range b.fds {
		if b.fds[i].Revents != 0 {
			b.fds[i].Fd = -1
		}
	}
	s.changes++
	if b.n, _, err = pollWait(b.fds, 0); err == nil {
		dst, _, err = s.answers(dst, b)
	}
	return dst, err
}

// answers does the same, and reports whether anything was invalid.
func (s *PollSelector) answers(dst []Ready, b *pollFds) (_ []Ready, invalid bool, err error) {
	for i := 0; b.n > 0 && i < len(b.fds); i++ {
		p := &b.fds[i]
		if p.Revents == 0 {
			continue
		}
		b.n--
		if i == 0 {
			if p.Revents&unix.POLLNVAL != 0 {
				// Somebody closed a descriptor that was not theirs.
				return dst, false, os.NewSyscallError("poll", unix.EBADF)
			}
			if !s.signalled {
				s.drain() // somebody else wrote to it
			}
			continue
		}
		fd := int(p.Fd)
		e := s.table.find(fd)
		if e == nil || e.gen > b.since {
			continue
		}
		if p.Revents&unix.POLLNVAL != 0 {
			invalid = true
			s.changes++
			if checkOpen(fd) != nil || socketsRDHUP && e.events&EventHangup != 0 {
				// Closed while registered: it would be reported for ever. So would
				// another file of that number that is asked for what sockets alone know.
				s.remove(fd, e)
				continue
			}
			if !pollStops {
				continue // the number names another file since
			}
			// Either that, or poll says it again.
			again := [1]unix.PollFd{{Fd: p.Fd, Events: p.Events}}
			pollWait(again[:], 0)
			p.Revents = again[0].Revents
		}
		mask := pollMask(fd, e.events, uint32(p.Revents))
		if mask == 0 {
			b.leftOut = true
			p.Fd = -1
			continue
		}
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, b.n+1)
		}
		dst = append(dst, Ready{e.key, mask})
	}
	return dst, invalid, nil
}
