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

// A SelectSelector waits by select(2). It takes descriptors below FD_SETSIZE alone
// (1024 on most systems, 65536 on Solaris, 65534 on AIX); Register of others fails
// with EINVAL. Each wait costs time in proportion to the highest descriptor, and
// counts its timeout in microseconds. On Linux a stop of the process (SIGSTOP) makes
// waits longer: its time isn't counted.
//
// select has no word for a hang-up. It shows as readable, and as writable if the
// kernel says so. It doesn't show if only EventPriority was asked for, or only
// EventWrite for the read end of a pipe. EventHangup is refused with an error that
// matches [errors.ErrUnsupported].
type SelectSelector struct {
	core
	*waker
	interest     selectSets // what is watched
	looks, waits selectSets // copies of it, which the kernel writes to
}

// selectSets are what is passed to the kernel.
type selectSets struct {
	fdSets
	nfd   int
	since uint64 // the core's changes when they were filled
	n     int    // how many bits of the answer are set
}

// fdSets are select's lists.
type fdSets struct{ read, write, except fdSet }

// An fdSet is a set of FD_SETSIZE descriptors. On NetBSD that is any number that
// the program likes, since the kernel takes sets of any length (selcommon in
// kern/sys_select.c); the one of x/sys, 256, is the least.
type fdSet [(1024 + unixSetSize - 1) / unixSetSize]unix.FdSet

// unixSetSize and fdSetSize are the numbers of descriptors that fit into a set
// of x/sys, and of ours.
const (
	unixSetWords = len(unix.FdSet{}.Bits)
	unixSetSize  = unixSetWords * unix.NFDBITS
	fdSetSize    = len(fdSet{}) * unixSetSize
)

func (f *fdSet) set(fd int)        { f[fd/unixSetSize].Set(fd % unixSetSize) }
func (f *fdSet) isSet(fd int) bool { return f[fd/unixSetSize].IsSet(fd % unixSetSize) }

// empty reports whether no descriptor of a word is in the set.
func (f *fdSet) empty(word int) bool { return f[word/unixSetWords].Bits[word%unixSetWords] == 0 }

// NewSelectSelector returns a selector that waits by select(2). It fails with an
// [*os.SyscallError] if the system is out of descriptors, or has only such as
// don't fit into select's sets (EINVAL).
func NewSelectSelector() (*SelectSelector, error) {
	k, err := newWaker()
	if err != nil {
		return nil, err
	}
	if k.r >= fdSetSize {
		k.release()
		return nil, os.NewSyscallError("select", unix.EINVAL)
	}
	s := &SelectSelector{waker: k}
	s.copies, s.tellsHangup = true, func() bool { return false }
	s.changes = 1 // nothing is filled yet
	s.init(s, k)
	return s, nil
}

func (s *SelectSelector) add(fd int, e *entry) error {
	// FdSet.Set doesn't check the index, and select would notice a closed
	// descriptor only when it waits.
	if fd >= fdSetSize {
		return os.NewSyscallError("select", unix.EINVAL)
	}
	if err := checkOpen(fd); err != nil {
		return err
	}
	e.pos = 0
	return nil
}

func (s *SelectSelector) modify(fd int, _ EventMask, e *entry) error { return s.add(fd, e) }

// remove has nothing to do: the next fill finds the descriptor no more.
func (s *SelectSelector) remove(int, *entry) {}

// set puts a descriptor into the lists of the events.
func (f *fdSets) set(fd int, events EventMask) {
	if events&EventRead != 0 {
		f.read.set(fd)
	}
	if events&EventWrite != 0 {
		f.write.set(fd)
	}
	if events&EventPriority != 0 {
		f.except.set(fd)
	}
}

// mask returns the events of the lists that a descriptor is in.
func (f *fdSets) mask(fd int) (events EventMask) {
	if f.read.isSet(fd) {
		events |= EventRead
	}
	if f.write.isSet(fd) {
		events |= EventWrite
	}
	if f.except.isSet(fd) {
		events |= EventPriority
	}
	return events
}

// empty reports whether no descriptor of a word is in any list.
func (f *fdSets) empty(word int) bool {
	return f.read.empty(word) && f.write.empty(word) && f.except.empty(word)
}

// foundClosed in an entry's pos says that the descriptor was closed while registered.
const foundClosed = 1

// fill brings the lists up to date, and copies them.
func (s *SelectSelector) fill(b *selectSets) {
	if s.interest.since != s.changes {
		s.interest = selectSets{nfd: s.r + 1, since: s.changes}
		s.interest.set(s.r, EventRead)
		for fd, e := s.table.next(0); e != nil; fd, e = s.table.next(fd + 1) {
			if e.pos != foundClosed {
				s.interest.set(fd, e.events)
				s.interest.nfd = max(s.interest.nfd, fd+1)
			}
		}
	}
	*b = s.interest
}

// call is select(2).
func (b *selectSets) call(limit *unix.Timeval) (err error) {
	b.n, err = unix.Select(b.nfd, &b.read[0], &b.write[0], &b.except[0], limit)
	return err
}

func (s *SelectSelector) look(dst []Ready) ([]Ready, error) {
	b := &s.looks
	for {
		s.fill(b)
		err := b.call(new(unix.Timeval))
		switch {
		case err == nil:
			return s.collect(dst, b, false), nil
		case err == unix.EINTR:
		case err == unix.EBADF && s.dropClosed():
		default:
			return dst, os.NewSyscallError("select", err)
		}
	}
}

// dropClosed takes the descriptors that were closed while registered out of
// the sets, since select fails for all if one is closed. It reports whether select
// may be tried again: where none is found, the number names another file by now.
func (s *SelectSelector) dropClosed() bool {
	found := false
	for fd, e := s.table.next(0); e != nil; fd, e = s.table.next(fd + 1) {
		if e.pos != foundClosed && checkOpen(fd) != nil {
			e.pos = foundClosed
			s.changes++
			found = true
		}
	}
	return found || checkOpen(s.r) == nil
}

func (s *SelectSelector) prepare() error {
	s.fill(&s.waits)
	return nil
}

func (s *SelectSelector) wait(timeout time.Duration) (over bool, err error) {
	var limit *unix.Timeval // rewritten by Linux
	if timeout >= 0 {
		tv := unix.NsecToTimeval(ceil(timeout, time.Microsecond) * 1000)
		limit = &tv
	}
	b := &s.waits
	switch err := b.call(limit); err {
	case nil:
		return b.n == 0, nil
	case unix.EINTR:
		b.n = 0
		return false, nil
	case unix.EBADF:
		b.n = -1 // for take
		return false, nil
	default:
		return false, os.NewSyscallError("select", err)
	}
}

func (s *SelectSelector) take(dst []Ready) ([]Ready, error) {
	if s.waits.n < 0 && !s.dropClosed() {
		return dst, os.NewSyscallError("select", unix.EBADF)
	}
	return s.collect(dst, &s.waits, true), nil
}

// collect appends what is in the answer. After a wait it asks whether a descriptor
// is open still.
func (s *SelectSelector) collect(dst []Ready, b *selectSets, waited bool) []Ready {
	if b.n <= 0 {
		return dst
	}
	for fd := 0; fd < b.nfd; fd++ {
		if fd%unix.NFDBITS == 0 && b.empty(fd/unix.NFDBITS) {
			fd += unix.NFDBITS - 1
			continue
		}
		mask := b.mask(fd)
		if mask == 0 {
			continue
		}
		if fd == s.r && !s.signalled {
			s.drain() // somebody else wrote to it
		}
		e := s.table.find(fd)
		if e == nil || e.gen > b.since || mask&e.events == 0 {
			continue
		}
		// Linux reports what was closed during the wait in every list
		// (select_poll_one in fs/select.c).
		if waited && checkOpen(fd) != nil {
			e.pos = foundClosed
			s.changes++
			continue
		}
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, b.n)
		}
		dst = append(dst, Ready{e.key, mask & e.events})
	}
	return dst
}
