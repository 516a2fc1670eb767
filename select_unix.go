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
	interest fdSets // what is watched, without the waker
	high     int    // no descriptor above it is in the sets

	looks, waits selectSets
}

// selectSets are a copy of a SelectSelector's lists, which the kernel writes to.
type selectSets struct {
	fdSets
	nfd   int
	n     int    // how many bits of the answer are set
	since uint64 // the core's changes when they were copied
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
func (f *fdSet) clear(fd int)      { f[fd/unixSetSize].Clear(fd % unixSetSize) }
func (f *fdSet) isSet(fd int) bool { return f[fd/unixSetSize].IsSet(fd % unixSetSize) }

// copy copies the first words of a set.
func (f *fdSet) copy(from *fdSet, words int) {
	for i := range f {
		n := min(max(words-i*unixSetWords, 0), unixSetWords)
		copy(f[i].Bits[:n], from[i].Bits[:n])
	}
}

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
	s := &SelectSelector{waker: k, high: k.r}
	s.copies, s.noHangup = true, true
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
	s.interest.set(fd, e.events)
	s.high = max(s.high, fd)
	return nil
}

func (s *SelectSelector) modify(fd int, _ EventMask, e *entry) error {
	s.remove(fd, e)
	return s.add(fd, e)
}

func (s *SelectSelector) remove(fd int, _ *entry) {
	s.interest.clear(fd)
	for s.high > s.r && s.interest.mask(s.high) == 0 {
		if word := s.high / unix.NFDBITS; s.interest.empty(word) {
			s.high = word * unix.NFDBITS
		}
		s.high--
	}
	s.high = max(s.high, s.r)
}

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

func (f *fdSets) clear(fd int) {
	f.read.clear(fd)
	f.write.clear(fd)
	f.except.clear(fd)
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

// copy copies the words that are in use.
func (s *SelectSelector) copy(b *selectSets) {
	b.since = s.changes
	b.nfd = s.high + 1
	words := s.high/unix.NFDBITS + 1
	b.read.copy(&s.interest.read, words)
	b.write.copy(&s.interest.write, words)
	b.except.copy(&s.interest.except, words)
	b.read.set(s.r)
}

// call is select(2).
func (b *selectSets) call(limit *unix.Timeval) (err error) {
	b.n, err = unix.Select(b.nfd, &b.read[0], &b.write[0], &b.except[0], limit)
	return err
}

func (s *SelectSelector) look(dst []Ready) ([]Ready, error) {
	b := &s.looks
	for {
		s.copy(b)
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
		if s.interest.mask(fd) != 0 && checkOpen(fd) != nil {
			s.remove(fd, e)
			found = true
		}
	}
	return found || checkOpen(s.r) == nil
}

func (s *SelectSelector) prepare() error {
	s.copy(&s.waits)
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
			s.remove(fd, e)
			continue
		}
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, b.n)
		}
		dst = append(dst, Ready{e.key, mask & e.events})
	}
	return dst
}
