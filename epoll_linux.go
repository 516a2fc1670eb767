// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An EpollSelector waits by epoll(7). It takes whatever can be polled; regular
// files, directories, /dev/null and /dev/zero are refused with EPERM.
//
// Unregister before you close. The kernel forgets a registration only when the
// last duplicate of the descriptor is closed. If a registered descriptor is
// closed and a duplicate of it lives on, nobody can take its registration out of
// the set. When its events come, the selector makes a new set under the same Fd.
// That costs time in proportion to the registrations. If the selector is registered
// in another one, register it there again. A new set needs a free descriptor:
// without one the wait fails with the system's error, and the next one tries again.
//
// Some drivers take their time to say whether a file is ready: FUSE and CUSE ask
// their server. Meanwhile the other methods of the same selector may stand still.
// Other goroutines run on. Give such a file a selector of its own.
//
// While the process is stopped (SIGSTOP), the time of a wait is counted. Once
// somebody has asked for Fd, or has registered a regular file (such as
// /proc/self/mounts) for EventPriority, it isn't: a stop makes waits longer then. And
// timeouts are counted in milliseconds.
type EpollSelector struct {
	core
	*epollFiles
	looks, waits epollEvents

	// polled is what a wait polls that doesn't block in the set alone: the waker,
	// the set, and what the kernel tells once. asleep is the wait's own copy of it,
	// looked one for looks.
	polled, asleep, looked []unix.PollFd

	apart bool // the wait polls
	inSet bool // the waker is in the set
}

// epollFiles are a selector's descriptors.
//
// The set has all registrations but those that the kernel tells once: regular
// files asked for EventPriority, such as /proc/self/mounts and pressure-stall
// triggers. The kernel forgets their event when anybody polls them (psi_trigger_poll,
// mounts_poll, proc_sys_poll), as whoever polls the set does, and as happens when a
// registration is made or changed (ep_insert, ep_modify), or a set made anew. A
// wait polls them beside the set then, by ppoll(2), which doesn't count the time for
// which the process is stopped; epoll_wait does.
//
// The waker is in the set as well, until somebody asks for Fd: who watches that
// must not see it.
type epollFiles struct {
	*waker
	set int
}

// epollEvents has room for the events of all registrations, as far as there were
// any when it was fitted.
type epollEvents struct {
	events []unix.EpollEvent
	n      int    // how many there are
	since  uint64 // the core's changes when it was fitted
}

// fit makes room for the events of all registrations and the waker.
func (s *EpollSelector) fit(b *epollEvents) {
	b.since = s.changes
	n := s.table.n
	if size := len(b.events); size <= n || size > 64 && size > 8*n {
		b.events = make([]unix.EpollEvent, n+1+n&^7) // twice as many, but few of few
	}
}

// NewEpollSelector returns a selector that waits by epoll(7). It fails with an
// [*os.SyscallError] if that is not permitted (EPERM or ENOSYS, from a seccomp
// filter), or if the system is out of descriptors (EMFILE, ENFILE) or memory.
func NewEpollSelector() (*EpollSelector, error) {
	k, err := newWaker()
	if err != nil {
		return nil, err
	}
	files := &epollFiles{waker: k, set: -1}
	s := &EpollSelector{epollFiles: files, inSet: true}
	s.set, err = s.create()
	if err == nil {
		// A filter may let epoll_create1 pass and refuse the wait, in one of
		// its forms or in all.
		s.fit(&s.looks)
		_, errno := epollWait(s.set, s.looks.events, 0)
		if errno == 0 || errno == unix.EINTR {
			_, errno = epollPwait(s.set, s.looks.events, 0)
		}
		if errno != 0 && errno != unix.EINTR {
			err = os.NewSyscallError("epoll_wait", errno)
		}
	}
	if err != nil {
		files.release()
		return nil, err
	}
	s.oneShot = true
	s.init(s, files)
	return s, nil
}

// Fd returns the epoll descriptor, which can be registered in another selector,
// and ^uintptr(0) once the selector is closed. It is readable when something is
// ready, but for regular files that are registered for EventPriority: Linux tells
// their events once, and the selector's own waits must not miss them.
func (s *EpollSelector) Fd() uintptr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return ^uintptr(0)
	}
	if s.polled == nil {
		s.poll()
	}
	return uintptr(s.set)
}

// poll makes waits poll from now on. One that is blocked in the set is told to come
// out; the waker leaves the set when it is.
func (s *EpollSelector) poll() {
	s.polled = []unix.PollFd{newPollFd(s.r, EventRead), newPollFd(s.set, EventRead)}
	if s.inside {
		s.signal()
	} else {
		s.leaveSet()
	}
}

func (s *EpollSelector) leaveSet() {
	epollCtl(s.set, unix.EPOLL_CTL_DEL, s.r, unix.EpollEvent{})
	s.inSet = false
}

// wakeFd stands in the event data for the waker.
const wakeFd = -1

// create makes a set that is empty or has the waker.
func (s *EpollSelector) create() (int, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("epoll_create1", err)
	}
	if fd, err = aboveStandard(fd); err != nil {
		return -1, err
	}
	if s.inSet {
		if errno := epollCtl(fd, unix.EPOLL_CTL_ADD, s.r, unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeFd}); errno != 0 {
			unix.Close(fd)
			return -1, os.NewSyscallError("epoll_ctl", errno)
		}
	}
	return fd, nil
}

// event returns what the kernel gets: its bits are those of poll, the event data are
// the descriptor and the low half of the generation.
func (e *entry) event(fd int) unix.EpollEvent {
	events := uint32(newPollFd(fd, e.events).Events)
	switch {
	case e.pos&epollQuiet != 0:
		events |= unix.EPOLLET
	case e.events&EventOnce != 0:
		events |= unix.EPOLLONESHOT
	}
	return unix.EpollEvent{Events: events, Fd: int32(fd), Pad: int32(e.gen)}
}

// What an entry's pos says.
const (
	epollOnce  = 1 << iota // it isn't in the set: the kernel tells of it once
	epollQuiet             // it has nothing to tell for long: see match
)

// tellsOnce reports whether the kernel tells of a descriptor's EventPriority once.
// Those are regular files that can be polled. If the descriptor is in the set, it is
// not any more.
func (s *EpollSelector) tellsOnce(fd int, events EventMask) bool {
	if events&EventPriority == 0 {
		return false
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false
	}
	// The kernel looks at the file before it looks for it in the set (do_epoll_ctl).
	errno := epollCtl(s.set, unix.EPOLL_CTL_DEL, fd, unix.EpollEvent{})
	return errno == 0 || errno == unix.ENOENT
}

func (s *EpollSelector) add(fd int, e *entry) error {
	if fd == s.r {
		return fmt.Errorf("%w: the descriptor is the selector's own", os.NewSyscallError("epoll_ctl", unix.EEXIST))
	}
	e.pos = 0
	if s.tellsOnce(fd, e.events) {
		e.pos = epollOnce
		if s.polled == nil {
			s.poll()
		}
		s.polled = append(s.polled, newPollFd(fd, e.events))
		s.signal()
		return nil
	}
	errno := epollCtl(s.set, unix.EPOLL_CTL_ADD, fd, e.event(fd))
	if errno == unix.EEXIST {
		// The number was closed while registered, and names the same open
		// file again by a duplicate.
		errno = epollCtl(s.set, unix.EPOLL_CTL_MOD, fd, e.event(fd))
	}
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}

func (s *EpollSelector) modify(fd int, old EventMask, e *entry) error {
	e.pos &= epollOnce
	if e.pos == 0 && !s.tellsOnce(fd, e.events) {
		switch errno := epollCtl(s.set, unix.EPOLL_CTL_MOD, fd, e.event(fd)); errno {
		case 0:
			return nil
		case unix.ENOENT:
		default:
			s.remove(fd, e)
			return os.NewSyscallError("epoll_ctl", errno)
		}
		// The number was closed and names another file by now, or the key rested
		// when the set was made anew.
	}
	s.remove(fd, e)
	return s.add(fd, e)
}

// remove takes no error to heart: EBADF and ENOENT say that the descriptor was
// closed, or closed and reused.
func (s *EpollSelector) remove(fd int, e *entry) {
	if e.pos&epollOnce != 0 {
		s.polled = slices.DeleteFunc(s.polled, func(p unix.PollFd) bool { return p.Fd == int32(fd) })
		s.signal()
		return
	}
	epollCtl(s.set, unix.EPOLL_CTL_DEL, fd, unix.EpollEvent{})
}

// epollCtl tells the scheduler of the call, which unix.EpollCtl does not: the kernel
// asks the file's driver, which may sleep, and waits for who else does that with the
// same set.
func epollCtl(set, op, fd int, event unix.EpollEvent) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_EPOLL_CTL, uintptr(set), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(&event)), 0, 0)
	return errno
}

func (s *EpollSelector) look(dst []Ready) ([]Ready, error) {
	if len(s.polled) > ownPolled {
		s.looked = append(s.looked[:0], s.polled[ownPolled:]...)
		if _, _, err := pollWait(s.looked, 0); err != nil {
			return dst, err
		}
		dst = s.told(dst, s.looked)
	}
	b := &s.looks
	s.fit(b)
	n, errno := epollPwait(s.set, b.events, 0)
	for errno == unix.EINTR {
		n, errno = epollPwait(s.set, b.events, 0)
	}
	if errno != 0 {
		return dst, os.NewSyscallError("epoll_wait", errno)
	}
	b.n = int(n)
	return s.match(dst, b)
}

// ownPolled is how many of polled are the selector's own.
const ownPolled = 2

// told appends what the kernel tells once, and was polled. If that was registered anew
// meanwhile, the event counts for the new registration: over a Modify it must not be lost.
func (s *EpollSelector) told(dst []Ready, fds []unix.PollFd) []Ready {
	for _, p := range fds {
		if p.Revents == 0 {
			continue
		}
		fd := int(p.Fd)
		e := s.table.find(fd)
		if e == nil || e.pos&epollOnce == 0 {
			continue
		}
		if p.Revents&unix.POLLNVAL != 0 && checkOpen(fd) != nil {
			s.remove(fd, e) // closed while registered
		} else if mask := pollMask(fd, e.events, uint32(p.Revents)); mask != 0 {
			dst = append(dst, Ready{e.key, mask})
			if e.events&EventOnce != 0 {
				s.remove(fd, e)
				e.events = EventOnce
			}
		}
	}
	return dst
}

func (s *EpollSelector) prepare() error {
	s.fit(&s.waits)
	s.waits.n = 0
	if s.apart = s.polled != nil; s.apart {
		if s.inSet {
			s.leaveSet()
		}
		s.asleep = append(s.asleep[:0], s.polled...)
	}
	return nil
}

func (s *EpollSelector) wait(timeout time.Duration) (over bool, err error) {
	if s.apart {
		_, over, err = pollWait(s.asleep, timeout)
		return over, err
	}
	n, errno := epollWait(s.set, s.waits.events, timeout)
	if errno != 0 && errno != unix.EINTR {
		return false, os.NewSyscallError("epoll_wait", errno)
	}
	s.waits.n = max(n, 0)
	return n == 0, nil
}

func (s *EpollSelector) take(dst []Ready) ([]Ready, error) {
	if s.apart {
		dst = s.told(dst, s.asleep[ownPolled:])
		wakes, set := s.asleep[0].Revents, s.asleep[1].Revents
		if (wakes|set)&unix.POLLNVAL != 0 {
			// Somebody closed a descriptor that was not theirs.
			return dst, os.NewSyscallError("poll", unix.EBADF)
		}
		if wakes != 0 && !s.signalled {
			s.drain() // somebody else wrote to it
		}
		if set == 0 {
			return dst, nil
		}
		s.fit(&s.waits)
		n, errno := epollPwait(s.set, s.waits.events, 0)
		if errno != 0 {
			return dst, os.NewSyscallError("epoll_wait", errno)
		}
		s.waits.n = int(n)
	}
	return s.match(dst, &s.waits)
}

// match appends the events that have a registration. One that has none is
// either older than a change which was made while the wait was on its way, and
// doesn't come again, or of a descriptor that was closed while a duplicate
// lives on, and comes again for ever. If nothing was changed since it is the latter.
func (s *EpollSelector) match(dst []Ready, b *epollEvents) ([]Ready, error) {
	// Who has filled the buffer may have left something. A look has room for all,
	// and brings again what lasts.
	full := b.n == len(b.events) && b.n <= s.table.n
	poisoned := false
	for i := range b.events[:b.n] {
		event := &b.events[i]
		if event.Fd < 0 {
			if !s.signalled {
				s.drain() // somebody else wrote to it
			}
			continue
		}
		fd := int(event.Fd)
		e := s.table.find(fd)
		if e == nil || int32(e.gen) != event.Pad {
			poisoned = true
			continue
		}
		mask := pollMask(fd, e.events, event.Events)
		if quiet := e.pos == epollQuiet; quiet != (mask == 0) && !e.rests() {
			// A socket has something in its error queue, and nothing but EventHangup
			// was asked for, which that isn't. It would tell of it as long as nobody has
			// read it; EPOLLET makes it tell once. Whatever else it tells of puts it back.
			e.pos ^= epollQuiet
			epollCtl(s.set, unix.EPOLL_CTL_MOD, fd, e.event(fd))
		}
		if mask == 0 || full && e.events&EventOnce == 0 {
			continue
		}
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, b.n-i)
		}
		dst = append(dst, Ready{e.key, mask})
		if e.events&EventOnce != 0 {
			e.events = EventOnce // it rests
		}
	}
	if full {
		return s.look(dst)
	}
	if poisoned && b.since == s.changes {
		return dst, s.rebuild()
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
		if e.rests() || e.pos&epollOnce != 0 {
			continue
		}
		errno := epollCtl(fd, unix.EPOLL_CTL_ADD, slot, e.event(slot))
		if errno == unix.ENOMEM || errno == unix.ENOSPC {
			return os.NewSyscallError("epoll_ctl", errno)
		}
		// All other errors are of descriptors that were closed, or closed and
		// reused, while registered: as long as that lasts they have no events.
	}
	if err := unix.Dup3(fd, s.set, unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("dup3", err)
	}
	// Who sleeps does so on the old set, and may have met the same events.
	s.changes++
	s.signal()
	return nil
}

func (f *epollFiles) release() {
	if f.set >= 0 {
		unix.Close(f.set)
	}
	f.waker.release()
}

// epollPwait counts in milliseconds; -1 never ends.
func epollPwait(set int, events []unix.EpollEvent, ms int) (n uintptr, errno unix.Errno) {
	n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(set),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(ms), 0, 0)
	return
}

// noPwait2 remembers that the system has no epoll_pwait2: Linux has it since
// 5.11, qemu-user hasn't, and some seccomp profiles don't let it pass, and answer
// with various errors.
var noPwait2 atomic.Bool

// epollWait is epoll_wait to the nanosecond, where the system can. A negative
// timeout never ends.
func epollWait(set int, events []unix.EpollEvent, timeout time.Duration) (int, unix.Errno) {
	tried := hasPwait2 && !noPwait2.Load()
	if tried {
		var limit *[2]int64 // the kernel's struct __kernel_timespec on every CPU
		if timeout >= 0 {
			limit = &[2]int64{int64(timeout / time.Second), int64(timeout % time.Second)}
		}
		n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(set),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
			uintptr(unsafe.Pointer(limit)), 0, 0)
		if errno == 0 || errno == unix.EINTR {
			return int(n), errno
		}
	}
	ms := -1
	if timeout >= 0 {
		ms = int(ceil(timeout, time.Millisecond))
	}
	n, errno := epollPwait(set, events, ms)
	if tried && (errno == 0 || errno == unix.EINTR) {
		noPwait2.Store(true)
	}
	return int(n), errno
}
