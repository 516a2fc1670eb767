// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"os"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

var constructors = []func() (Selector, error){
	generic(NewEpollSelector), generic(NewPollSelector), generic(NewSelectSelector),
}

// An EpollSelector waits by epoll(7). It takes whatever can be polled; regular
// files, directories, /dev/null and /dev/zero are refused with EPERM.
//
// The kernel knows a registration by descriptor and open file, and forgets it
// when the last duplicate of the descriptor is closed. What is left of one
// whose descriptor was closed while a duplicate lives on is met as an event
// without a registration, which can't be taken out of the set any more: the
// selector then makes a new set under the same Fd, at a cost that grows with the
// registrations, and whatever the set was registered in has to register it again.
// Unregister before closing, and it never happens.
type EpollSelector struct {
	core
	waker
	fd int // the epoll descriptor; constant while the selector is in use
}

// NewEpollSelector returns a selector that waits by epoll(7). It fails with an
// *os.SyscallError where that is not permitted (EPERM and ENOSYS, from a
// seccomp filter), or out of descriptors (EMFILE, ENFILE) or memory.
func NewEpollSelector() (*EpollSelector, error) {
	k, err := newWaker()
	if err != nil {
		return nil, err
	}
	s := &EpollSelector{waker: k, fd: -1}
	s.fd, err = s.create()
	if err == nil {
		// A filter may let epoll_create1 pass and refuse the wait.
		if _, errno := epollTry(s.fd, make([]unix.EpollEvent, 1)); errno != 0 && errno != unix.EINTR {
			err = os.NewSyscallError("epoll_wait", errno)
		}
	}
	if err != nil {
		s.release()
		return nil, err
	}
	s.init(s, false)
	return s, nil
}

// Fd returns the epoll descriptor, which can be registered in another
// selector, and ^uintptr(0) once the selector is closed. It is readable when
// something is ready.
func (s *EpollSelector) Fd() uintptr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return ^uintptr(0)
	}
	return uintptr(s.fd)
}

// wakeFd stands in the event data for the waker.
const wakeFd = -1

// create makes a set that has the waker alone.
func (s *EpollSelector) create() (int, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("epoll_create1", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeFd}
	if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, s.r, &event); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("epoll_ctl", err)
	}
	return fd, nil
}

// epollBits has what the kernel calls each event, by the event's bit.
var epollBits = [...]uint32{unix.EPOLLIN, unix.EPOLLOUT, unix.EPOLLPRI, unix.EPOLLRDHUP}

// epollInterest has what to ask the kernel for, by mask.
var epollInterest = func() (interest [allEvents + 1]uint32) {
	for events := range interest {
		for i, bit := range epollBits {
			if events&(1<<i) != 0 {
				interest[events] |= bit
			}
		}
	}
	return interest
}()

// epollMask has the mask for what the kernel answers, by epollIndex. Hang-up and
// error count as whatever was asked for.
var epollMask = func() (masks [64]EventMask) {
	for index := range masks {
		for i, bit := range epollBits {
			if uint32(index)&epollIndex(bit) != 0 {
				masks[index] |= 1 << i
			}
		}
		if index&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			masks[index] = allEvents
		}
	}
	return masks
}()

// epollIndex brings EPOLLRDHUP down to the lowest bit that is free.
func epollIndex(events uint32) uint32 {
	const low = unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLOUT | unix.EPOLLERR | unix.EPOLLHUP
	return events&low | events&unix.EPOLLRDHUP>>8
}

// event returns what the kernel gets: the event data are the descriptor and
// the low half of the generation.
func (e *entry) event(fd int) unix.EpollEvent {
	return unix.EpollEvent{Events: epollInterest[e.events], Fd: int32(fd), Pad: int32(e.gen)}
}

func (s *EpollSelector) add(fd int, e *entry) error {
	event := e.event(fd)
	err := unix.EpollCtl(s.fd, unix.EPOLL_CTL_ADD, fd, &event)
	if err == unix.EEXIST && fd != s.r {
		// The number was closed while registered, and names the same open
		// file again by a duplicate.
		err = unix.EpollCtl(s.fd, unix.EPOLL_CTL_MOD, fd, &event)
	}
	return os.NewSyscallError("epoll_ctl", err)
}

func (s *EpollSelector) modify(fd int, _ EventMask, e *entry) error {
	event := e.event(fd)
	err := unix.EpollCtl(s.fd, unix.EPOLL_CTL_MOD, fd, &event)
	if err == unix.ENOENT {
		// The number was closed and names another file by now.
		err = unix.EpollCtl(s.fd, unix.EPOLL_CTL_ADD, fd, &event)
	}
	if err != nil {
		s.remove(fd, e)
	}
	return os.NewSyscallError("epoll_ctl", err)
}

// remove takes no error to heart: EBADF and ENOENT say that the descriptor was
// closed, or closed and reused.
func (s *EpollSelector) remove(fd int, _ *entry) {
	var event unix.EpollEvent // before Linux 2.6.9 it may not be nil
	unix.EpollCtl(s.fd, unix.EPOLL_CTL_DEL, fd, &event)
}

// An epollWaiter has the buffer for the events. If that is filled, the ready
// set may be larger than it.
type epollWaiter struct {
	s      *EpollSelector
	events []unix.EpollEvent
	n      int    // how many events there are
	twice  bool   // a descriptor may be in them more than once
	since  uint64 // the core's changes when look was called
}

func (s *EpollSelector) newWaiter() waiter {
	return &epollWaiter{s: s, events: make([]unix.EpollEvent, 64)}
}

func (w *epollWaiter) look(dst []Ready) ([]Ready, error) {
	w.since = w.s.changes
	n, errno := epollTry(w.s.fd, w.events)
	for errno == unix.EINTR {
		n, errno = epollTry(w.s.fd, w.events)
	}
	if errno != 0 {
		return dst, os.NewSyscallError("epoll_wait", errno)
	}
	w.n, w.twice = int(n), false
	if w.n == len(w.events) {
		w.more()
	}
	return w.take(dst)
}

func (w *epollWaiter) wait(timeout time.Duration) error {
	n, err := epollWait(w.s.fd, w.events, timeout)
	w.n, w.twice = n, false
	if n == len(w.events) {
		w.more()
	}
	return err
}

// more is called when the buffer is full, and grows it until it is not. What is
// ready comes by turns (ep_send_events puts it back at the tail), so each call
// brings the rest before it repeats anything. An error must not lose what there is
// already; the next look meets it again.
func (w *epollWaiter) more() {
	w.twice = true
	for w.n == len(w.events) {
		w.events = slices.Grow(w.events, len(w.events))
		w.events = w.events[:cap(w.events)]
		n, errno := epollTry(w.s.fd, w.events[w.n:])
		if errno != 0 {
			return
		}
		w.n += int(n)
	}
}

// take matches the events with their registrations. An event that has none is
// either older than a change which was made while the wait was on its way, and
// doesn't come again, or of a descriptor that was closed while a duplicate
// lives on, and comes again for ever. If nothing was changed it is the latter.
func (w *epollWaiter) take(dst []Ready) ([]Ready, error) {
	start := len(dst)
	dst = slices.Grow(dst, w.n)
	poisoned := false
	for i := range w.events[:w.n] {
		event := &w.events[i]
		if event.Fd == wakeFd {
			continue
		}
		e := w.s.table.find(int(event.Fd))
		if e == nil || int32(e.gen) != event.Pad {
			poisoned = true
			continue
		}
		mask := epollMask[epollIndex(event.Events)] & e.events
		if mask == 0 {
			continue
		}
		if w.twice {
			if i := int(e.pos); start <= i && i < len(dst) && dst[i].Key == e.key {
				dst[i].Events |= mask
				continue
			}
			e.pos = uint32(len(dst))
		}
		dst = append(dst, Ready{e.key, mask})
	}
	w.n = 0
	if poisoned && w.since == w.s.changes {
		return dst, w.s.rebuild()
	}
	return dst, nil
}

// rebuild puts a new set in the place of one that has events which nobody can
// take out.
func (s *EpollSelector) rebuild() error {
	fd, err := s.create()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for slot, e := s.table.next(0); e != nil; slot, e = s.table.next(slot + 1) {
		event := e.event(e.key.FD)
		err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, e.key.FD, &event)
		if err == unix.ENOMEM || err == unix.ENOSPC {
			return os.NewSyscallError("epoll_ctl", err)
		}
		// All other errors are of descriptors that were closed, or closed and
		// reused, while registered: as long as that lasts they have no events.
	}
	// Who sleeps does so on the old set, and would go on doing so.
	s.signal()
	return os.NewSyscallError("dup3", unix.Dup3(fd, s.fd, unix.O_CLOEXEC))
}

func (s *EpollSelector) release() {
	if s.fd >= 0 {
		unix.Close(s.fd)
	}
	s.waker.close()
}

// noPwait2 remembers that the system has no epoll_pwait2: Linux has it since
// 5.11, qemu-user hasn't, and some seccomp profiles don't know it.
var noPwait2 atomic.Bool

// epollTry is epoll_wait without waiting. It can't block, so the runtime need
// not be told. (epoll_wait itself is not there on every CPU, epoll_pwait is.)
func epollTry(fd int, events []unix.EpollEvent) (n uintptr, errno unix.Errno) {
	n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	return n, errno
}

// epollWait is epoll_wait to the nanosecond, where the system can, and without
// EINTR. A negative timeout never ends.
func epollWait(fd int, events []unix.EpollEvent, timeout time.Duration) (int, error) {
	var n uintptr
	errno := unix.ENOSYS
	if !noPwait2.Load() {
		var limit *[2]int64 // the kernel's struct __kernel_timespec on every CPU
		if timeout >= 0 {
			limit = &[2]int64{int64(timeout / time.Second), int64(timeout % time.Second)}
		}
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
			uintptr(unsafe.Pointer(limit)), 0, 0)
	}
	if errno == unix.ENOSYS || errno == unix.EPERM {
		noPwait2.Store(true)
		ms := -1
		if timeout >= 0 {
			ms = int(ceil(timeout, time.Millisecond))
		}
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(ms), 0, 0)
	}
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, os.NewSyscallError("epoll_wait", errno)
}
