// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
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
// Unregister before you close. The kernel forgets a registration only when the
// last duplicate of the descriptor is closed. If a registered descriptor is
// closed and a duplicate of it lives on, nobody can take its registration out of
// the set. When its events come, the selector makes a new set under the same Fd.
// That costs time in proportion to the registrations, and who has registered the
// selector in another one must do so again. It needs a free descriptor: until
// there is one, every wait costs time in proportion to the registrations, and
// fails with EINVAL if RLIMIT_NOFILE was lowered below their number.
//
// Some drivers take their time to say whether a file is ready: FUSE and CUSE ask
// their server. Meanwhile the other methods of the same selector may stand still.
// Other goroutines run on. Give such a file a selector of its own.
type EpollSelector struct {
	core
	*epollFiles
	slow    int   // registrations of files whose driver may sleep
	once    int   // registrations in the outer set
	pending []int // descriptors not classified yet, and what has gone meanwhile
	shared  bool  // the waker is in both sets, as long as a wait may sleep on the inner one

	// stuck is a set that has to be made anew and can't be, 0 if there is none:
	// waits use poll(2) meanwhile.
	stuck int
}

// epollFiles are a selector's descriptors.
//
// For most one set is enough, which has all registrations and the waker. Once
// somebody asked for Fd, or registered what the kernel tells once, there is an
// outer set as well, on which waits block. It has the waker, so that who watches
// Fd doesn't see it; the inner set; and what is told once, which the kernel
// forgets when anybody polls it, as an outer set does with what is in an inner
// one, and as happens when a set is made anew.
type epollFiles struct {
	*waker
	set   int
	outer int // -1 if there is none
}

// NewEpollSelector returns a selector that waits by epoll(7). It fails with an
// *os.SyscallError where that is not permitted (EPERM and ENOSYS, from a
// seccomp filter), or out of descriptors (EMFILE, ENFILE) or memory.
func NewEpollSelector() (*EpollSelector, error) {
	k, err := newWaker()
	if err != nil {
		return nil, err
	}
	files := &epollFiles{waker: k, set: -1, outer: -1}
	s := &EpollSelector{epollFiles: files}
	s.set, err = s.create(true)
	if err == nil {
		// A filter may let epoll_create1 pass and refuse the wait, in one of
		// its forms or in all.
		event := make([]unix.EpollEvent, 1)
		_, errno := epollWait(s.set, event, 0)
		if errno == 0 || errno == unix.EINTR {
			_, errno = epollTry(s.set, event)
		}
		if errno != 0 && errno != unix.EINTR {
			err = os.NewSyscallError("epoll_wait", errno)
		}
	}
	if err != nil {
		files.release()
		return nil, err
	}
	s.init(s, files, false)
	return s, nil
}

// Fd returns the epoll descriptor, which can be registered in another
// selector. Once the selector is closed it returns ^uintptr(0). The descriptor is
// readable when something is ready. It doesn't show what is registered for
// EventPriority and is neither a socket nor a terminal: the kernel tells such
// events once, and the selector's own waits must not miss them.
func (s *EpollSelector) Fd() uintptr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return ^uintptr(0)
	}
	// Out of descriptors there is one set still, and a Wakeup of a blocked wait
	// can be seen through it.
	s.split()
	return uintptr(s.set)
}

// What stands in the event data for the waker and for the inner set.
const (
	wakeFd = -1
	setFd  = -2
)

// create makes a set that is empty or has the waker.
func (s *EpollSelector) create(wakes bool) (int, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("epoll_create1", err)
	}
	if fd, err = aboveStandard(fd); err != nil {
		return -1, err
	}
	if wakes {
		if err := s.control(fd, unix.EPOLL_CTL_ADD, s.r, unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeFd}); err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("epoll_ctl", err)
		}
	}
	return fd, nil
}

// split makes the outer set. Waits that are blocked sleep on the inner one: they
// are told to come over, and then the waker leaves it.
func (s *EpollSelector) split() error {
	if s.outer >= 0 {
		return nil
	}
	outer, err := s.create(true)
	if err != nil {
		return err
	}
	if err := s.enclose(outer); err != nil {
		unix.Close(outer)
		return err
	}
	s.outer, s.shared = outer, true
	s.changes++ // for the waiters to know
	if s.blocked == 0 {
		s.unshare()
		return nil
	}
	return s.signal()
}

// enclose puts the inner set into the outer one.
func (s *EpollSelector) enclose(outer int) error {
	err := s.control(outer, unix.EPOLL_CTL_ADD, s.set, unix.EpollEvent{Events: unix.EPOLLIN, Fd: setFd})
	return os.NewSyscallError("epoll_ctl", err)
}

// own reports whether a number that was registered is one of the sets: it was
// closed before that was made.
func (s *EpollSelector) own(fd int) bool { return fd == s.set || fd == s.outer }

func (s *EpollSelector) unshare() {
	s.control(s.set, unix.EPOLL_CTL_DEL, s.r, unix.EpollEvent{})
	s.shared = false
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

// What an entry's pos has above an index.
const (
	epollSlow    = 1 << 31          // its driver may sleep when it is polled
	epollForgets = 1 << 30          // it may forget an EventPriority when it is polled
	epollPending = 1 << 29          // it is not known yet
	epollPlace   = epollPending - 1 // its place in a result
)

// classify finds out what kind of file an entry is of. Sockets, pipes and FIFOs,
// and what has no type, such as eventfds and timerfds, don't sleep; an epoll set
// has none either, but may have something in it that does. Pressure-stall
// triggers, /proc/self/mounts and the files of sysfs and cgroups are regular
// files.
func (s *EpollSelector) classify(fd int, e *entry) {
	e.pos &^= epollPending
	// Most are sockets. To ask for that allocates nowhere, as Fstat does on loong64.
	if _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
		return
	}
	var st unix.Stat_t
	unix.Fstat(fd, &st) // if it fails there is no file
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK, unix.S_IFIFO:
		return
	case unix.S_IFREG:
		e.pos |= epollForgets
	case 0:
		if s.own(fd) {
			return
		}
		// Only a set can lack the waker.
		if s.control(fd, unix.EPOLL_CTL_DEL, s.r, unix.EpollEvent{}) != unix.ENOENT {
			return
		}
	}
	e.pos |= epollSlow
	s.slow++
}

// postpone leaves the classification to the next look: to ask with each
// registration would cost those more that end before any look.
func (s *EpollSelector) postpone(fd int, e *entry) {
	if e.pos&epollPending == 0 {
		if len(s.pending) > epollEvents+2*s.table.n {
			// Each once, of those that are left. The mark is gone from what was met.
			s.pending = slices.DeleteFunc(s.pending, func(fd int) bool { return !s.unmark(fd) })
			for _, fd := range s.pending {
				s.table.find(fd).pos |= epollPending
			}
		}
		s.pending = append(s.pending, fd)
	}
	e.pos = epollPending
}

// unmark reports whether a descriptor is not classified yet, and takes the mark off.
func (s *EpollSelector) unmark(fd int) bool {
	e := s.table.find(fd)
	if e == nil || e.pos&epollPending == 0 {
		return false
	}
	e.pos &^= epollPending
	return true
}

func (s *EpollSelector) classifyPending() {
	for _, fd := range s.pending {
		if s.unmark(fd) {
			s.classify(fd, s.table.find(fd))
		}
	}
	s.pending = s.pending[:0]
}

// setOf returns the set that a registration is in.
func (s *EpollSelector) setOf(pos uint32, events EventMask) int {
	if pos&epollForgets != 0 && events&EventPriority != 0 {
		return s.outer
	}
	return s.set
}

func (s *EpollSelector) add(fd int, e *entry) error {
	s.postpone(fd, e)
	if err := s.place(fd, e); err != nil {
		return err
	}
	set := s.setOf(e.pos, e.events)
	err := s.control(set, unix.EPOLL_CTL_ADD, fd, e.event(fd))
	if err == unix.EEXIST && fd != s.r {
		// The number was closed while registered, and names the same open
		// file again by a duplicate.
		err = s.control(set, unix.EPOLL_CTL_MOD, fd, e.event(fd))
	}
	if err != nil {
		s.uncount(e.pos, 0)
	} else if set == s.outer {
		s.once++
	}
	return os.NewSyscallError("epoll_ctl", err)
}

// place makes sure that there is the set which an entry belongs to.
func (s *EpollSelector) place(fd int, e *entry) error {
	if e.events&EventPriority == 0 {
		return nil
	}
	if e.pos&epollPending != 0 {
		s.classify(fd, e)
	}
	if e.pos&epollForgets == 0 {
		return nil
	}
	err := s.split()
	if err != nil {
		s.uncount(e.pos, 0)
	}
	return err
}

func (s *EpollSelector) modify(fd int, old EventMask, e *entry) error {
	if err := s.place(fd, e); err != nil {
		s.drop(fd, e.pos&^epollSlow, old)
		return err
	}
	if set := s.setOf(e.pos, e.events); set == s.setOf(e.pos, old) {
		err := s.control(set, unix.EPOLL_CTL_MOD, fd, e.event(fd))
		if err == nil {
			return nil
		}
		if err != unix.ENOENT {
			s.drop(fd, e.pos, old)
			return os.NewSyscallError("epoll_ctl", err)
		}
		// The number was closed and names another file by now.
	}
	s.drop(fd, e.pos, old)
	return s.add(fd, e)
}

func (s *EpollSelector) remove(fd int, e *entry) { s.drop(fd, e.pos, e.events) }

// drop takes no error to heart: EBADF and ENOENT say that the descriptor was
// closed, or closed and reused.
func (s *EpollSelector) drop(fd int, pos uint32, events EventMask) {
	s.control(s.setOf(pos, events), unix.EPOLL_CTL_DEL, fd, unix.EpollEvent{})
	s.uncount(pos, events)
}

// uncount forgets a registration that needed something special.
func (s *EpollSelector) uncount(pos uint32, events EventMask) {
	if pos&epollSlow != 0 {
		s.slow--
	}
	if pos&epollForgets != 0 && events&EventPriority != 0 {
		s.once--
	}
}

// control is epoll_ctl. It tells the scheduler of the call, which unix.EpollCtl
// does not: the kernel asks the file's driver, which may sleep, and waits for
// who else does that with the same set.
func (s *EpollSelector) control(set, op, fd int, event unix.EpollEvent) error {
	_, _, errno := unix.Syscall6(unix.SYS_EPOLL_CTL, uintptr(set), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(&event)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// An epollWaiter has the buffer for the events. If that is filled, the ready
// set may be larger than it.
type epollWaiter struct {
	s      *EpollSelector
	events []unix.EpollEvent
	from   int  // the set that the events are of
	n      int  // how many events there are
	twice  bool // a descriptor may be in them more than once

	// What follows is as it was when the core's changes were since.
	since   uint64
	set     int  // the set to look at
	fd      int  // the set to wait on
	slow    bool // the scheduler is told of a look
	polling bool // a set is stuck: poll(2) looks and waits, by fds

	fds []unix.PollFd
}

const epollEvents = 64

func (s *EpollSelector) newWaiter() waiter {
	return &epollWaiter{s: s, events: make([]unix.EpollEvent, epollEvents), since: s.changes - 1}
}

func (w *epollWaiter) look(dst []Ready) ([]Ready, error) {
	if w.since != w.s.changes || w.polling {
		if ready, err := w.prepare(dst); err != nil || w.polling {
			return ready, err
		}
	}
	if w.slow {
		return w.lookSlowly(dst, w.set)
	}
	n, errno := epollTry(w.set, w.events)
	for errno == unix.EINTR {
		n, errno = epollTry(w.set, w.events)
	}
	if errno != 0 {
		return dst, os.NewSyscallError("epoll_wait", errno)
	}
	w.from, w.n, w.twice = w.set, n, false
	if n == len(w.events) {
		w.more()
	}
	return w.take(dst)
}

func (w *epollWaiter) prepare(dst []Ready) ([]Ready, error) {
	s := w.s
	if s.stuck != 0 {
		if err := s.rebuild(s.stuck); err != nil {
			return dst, err
		}
	}
	s.classifyPending()
	w.since, w.slow, w.polling = s.changes, s.slow > 0, s.stuck != 0
	w.set, w.fd = s.set, s.set
	if s.outer >= 0 {
		w.fd = s.outer
	}
	if s.once > 0 {
		w.set = s.outer
	}
	if len(w.events) > epollEvents && len(w.events) > 4*s.table.n {
		w.events = make([]unix.EpollEvent, epollEvents)
	}
	if w.polling {
		return w.pollInstead(dst)
	}
	w.fds = nil
	return dst, nil
}

// lookSlowly tells the scheduler of the look.
func (w *epollWaiter) lookSlowly(dst []Ready, set int) ([]Ready, error) {
	n, errno := epollPwait(set, w.events, 0)
	for errno == unix.EINTR {
		n, errno = epollPwait(set, w.events, 0)
	}
	if errno != 0 {
		return dst, os.NewSyscallError("epoll_wait", errno)
	}
	w.from, w.n, w.twice = set, n, false
	if n == len(w.events) {
		w.more()
	}
	return w.take(dst)
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
		n, errno := epollPwait(w.from, w.events[w.n:], 0)
		if errno != 0 {
			return
		}
		w.n += n
	}
}

func (w *epollWaiter) wait(timeout time.Duration) (over bool, err error) {
	if w.polling {
		w.n, over, err = pollWait(w.fds, timeout)
		return over, err
	}
	n, errno := epollWait(w.fd, w.events, timeout)
	switch errno {
	case 0:
		w.from, w.n, w.twice = w.fd, n, false
		if n == len(w.events) {
			w.more()
		}
		return n == 0, nil
	case unix.EINTR:
		w.n = 0
		return false, nil
	}
	return false, os.NewSyscallError("epoll_wait", errno)
}

// take matches the events with their registrations. An event that has none is
// either older than a change which was made while the wait was on its way, and
// doesn't come again, or of a descriptor that was closed while a duplicate
// lives on, and comes again for ever. If nothing was changed it is the latter.
func (w *epollWaiter) take(dst []Ready) ([]Ready, error) {
	s := w.s
	if w.polling {
		return w.takePolled(dst), nil
	}
	start := len(dst)
	poisoned, enclosed := false, false
	for i := range w.events[:w.n] {
		event := &w.events[i]
		if event.Fd < 0 {
			if event.Fd == setFd {
				enclosed = true
			} else if !s.signalled {
				s.waker.drain() // somebody else wrote to it
			}
			continue
		}
		e := s.table.find(int(event.Fd))
		if e == nil || int32(e.gen) != event.Pad {
			poisoned = true
			continue
		}
		mask := epollMask[epollIndex(event.Events)] & e.events
		if mask == 0 {
			continue
		}
		if w.twice {
			if i := int(e.pos & epollPlace); start <= i && i < len(dst) && dst[i].Key == e.key {
				dst[i].Events |= mask
				continue
			}
			e.pos = e.pos&^epollPlace | uint32(len(dst))
		}
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, w.n-i)
		}
		dst = append(dst, Ready{e.key, mask})
	}
	w.n = 0
	if poisoned && w.since == s.changes {
		return dst, s.rebuild(w.from)
	}
	if enclosed {
		return w.lookSlowly(dst, s.set)
	}
	return dst, nil
}

// rebuild puts a new set in the place of one that has events which nobody can
// take out. Out of descriptors or memory the set is stuck, and each wait tries
// again.
func (s *EpollSelector) rebuild(set int) error {
	err := s.replace(set)
	stuck := 0
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.ENOSPC) {
		stuck, err = set, nil
	}
	if stuck == 0 || s.stuck == 0 {
		// Who has met the same events need not do the same, and who sleeps
		// does so on the old set, or by poll.
		s.changes++
		s.signal()
	}
	s.stuck, s.copies = stuck, stuck != 0
	return err
}

// replace makes a new set with the registrations of an old one.
func (s *EpollSelector) replace(set int) error {
	inner := set == s.set
	fd, err := s.create(!inner || s.outer < 0 || s.shared)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for slot, e := s.table.next(0); e != nil; slot, e = s.table.next(slot + 1) {
		if s.setOf(e.pos, e.events) != set || s.own(slot) {
			continue
		}
		err := s.control(fd, unix.EPOLL_CTL_ADD, slot, e.event(slot))
		if err == unix.ENOMEM || err == unix.ENOSPC {
			return os.NewSyscallError("epoll_ctl", err)
		}
		// All other errors are of descriptors that were closed, or closed and
		// reused, while registered: as long as that lasts they have no events.
	}
	if !inner {
		if err := s.enclose(fd); err != nil {
			return err
		}
	} else if s.outer >= 0 {
		s.control(s.outer, unix.EPOLL_CTL_DEL, set, unix.EpollEvent{})
	}
	err = os.NewSyscallError("dup3", unix.Dup3(fd, set, unix.O_CLOEXEC))
	if inner && s.outer >= 0 {
		err = errors.Join(err, s.enclose(s.outer))
	}
	return err
}

// pollInstead looks by poll(2), and prepares to wait by it.
func (w *epollWaiter) pollInstead(dst []Ready) ([]Ready, error) {
	s := w.s
	w.fds = append(w.fds[:0], newPollFd(s.r, EventRead))
	for slot, e := s.table.next(0); e != nil; slot, e = s.table.next(slot + 1) {
		if !s.own(slot) {
			w.fds = append(w.fds, newPollFd(slot, e.events))
		}
	}
	var err error
	w.n, _, err = pollWait(w.fds, 0)
	if err != nil {
		return dst, err
	}
	return w.takePolled(dst), nil
}

func (w *epollWaiter) takePolled(dst []Ready) []Ready {
	for i := 0; w.n > 0 && i < len(w.fds); i++ {
		p := &w.fds[i]
		if p.Revents == 0 {
			continue
		}
		w.n--
		e := w.s.table.find(int(p.Fd))
		switch {
		case p.Revents&unix.POLLNVAL != 0:
			p.Fd = -1 // closed while registered
		case int(p.Fd) == w.s.r:
			if !w.s.signalled {
				w.s.waker.drain()
			}
		case e != nil && e.gen <= w.since:
			if mask := pollMask(p) & e.events; mask != 0 {
				dst = append(dst, Ready{e.key, mask})
			}
		}
	}
	return dst
}

func (s *EpollSelector) drain() {
	s.waker.drain()
	if s.shared {
		s.unshare()
	}
}

func (f *epollFiles) release() {
	if f.set >= 0 {
		unix.Close(f.set)
	}
	if f.outer >= 0 {
		unix.Close(f.outer)
	}
	f.waker.release()
}

// epollTry is epoll_wait without waiting. Where it can't sleep, the scheduler
// need not be told. (epoll_wait itself is not there on every CPU, epoll_pwait is.)
func epollTry(set int, events []unix.EpollEvent) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(set),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	return int(n), errno
}

// epollPwait counts in milliseconds; -1 never ends.
func epollPwait(set int, events []unix.EpollEvent, ms int) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(set),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(ms), 0, 0)
	return int(n), errno
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
	return n, errno
}
