// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package selectors

import (
	"fmt"
	"math"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A KqueueSelector waits by kqueue(2). Regular files and directories are always
// ready. What the kernel has no filter for is refused with its error:
// [SelectSelector] may be able to wait for it. A kqueue, another selector's Fd among
// them, can be registered for EventRead alone.
//
// EventPriority is for sockets on macOS, DragonFly and OpenBSD, EventHangup for all but
// terminals on NetBSD. Otherwise Register and Modify refuse them with an error that
// matches [errors.ErrUnsupported]. If EventPriority is asked for alone, a hang-up may
// not show: ask for EventHangup beside it.
//
// Of some descriptors the kernel tells less than Linux does. [What each system can and
// can't do] has the cases.
//
// [What each system can and can't do]: https://github.com/go-selectors/selectors/blob/main/docs/systems.md#macos-and-the-bsds
type KqueueSelector struct {
	core
	*kqueueFiles

	// wakeUp is the change that wakes: it triggers an EVFILT_USER event, or, where the
	// kernel has none, makes it look again at a pipe, which has a byte then. Either is
	// edge-triggered. By level a wait could sleep on: NetBSD before 10 and DragonFly
	// take a knote off the queue while they look at it, and put it back too late for
	// who finds the queue empty meanwhile (kqueue_scan in sys/kern/kern_event.c).
	wakeUp unix.Kevent_t

	// steady has the descriptors that are ready for good, and of which the kernel has
	// nothing to tell, with what they are ready for: regular files, and what hung up
	// in a way that made the kernel drop its knote. Guarded by mu.
	steady map[int]EventMask

	looks []unix.Kevent_t // what the last look was given

	// The wait's: what it was given, the core's changes before it, and whether
	// something is ready for good, so that it doesn't sleep.
	waits  []unix.Kevent_t
	since  uint64
	atOnce bool
}

// kqueueFiles are a selector's descriptors.
type kqueueFiles struct {
	fd   int    // the kqueue
	pipe *waker // nil if the kernel has EVFILT_USER
}

// NewKqueueSelector returns a selector that waits by kqueue(2). It fails with an
// [*os.SyscallError] if the system is out of descriptors (EMFILE, ENFILE), kqueues
// (ENOMEM) or memory.
func NewKqueueSelector() (*KqueueSelector, error) {
	s := &KqueueSelector{steady: make(map[int]EventMask)}
	// x/sys has neither kqueue1 nor kqueuex, and a child that is forked
	// between the calls would keep the descriptor.
	syscall.ForkLock.RLock()
	fd, err := unix.Kqueue()
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	if fd, err = aboveStandard(fd); err != nil {
		return nil, err
	}
	s.kqueueFiles = &kqueueFiles{fd: fd}
	// Its number is the kqueue's own, which is never registered: match drops it.
	unix.SetKevent(&s.wakeUp, fd, userFilter, unix.EV_ADD|unix.EV_CLEAR)
	if s.apply(s.wakeUp) == nil {
		// With EV_CLEAR it would take NOTE_TRIGGER back (filt_usertouch on FreeBSD).
		s.wakeUp.Flags, s.wakeUp.Fflags = 0, noteTrigger
	} else {
		s.pipe, err = newWaker()
		if err == nil {
			unix.SetKevent(&s.wakeUp, s.pipe.r, unix.EVFILT_READ, unix.EV_ADD|unix.EV_CLEAR)
			err = os.NewSyscallError("kevent", s.apply(s.wakeUp))
		}
		if err != nil {
			s.kqueueFiles.release()
			return nil, err
		}
	}
	s.init(s, s.kqueueFiles)
	return s, nil
}

// Fd returns the kqueue, which can be registered in another selector for
// EventRead, and ^uintptr(0) once the selector is closed. It is readable when
// something is ready, but for regular files. It may still be readable when nothing
// is ready any more. A Wakeup that ends a blocked wait can leave it readable until
// the next wait looks: that is one false report for the outer selector. A child
// process doesn't inherit a kqueue.
func (s *KqueueSelector) Fd() uintptr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return ^uintptr(0)
	}
	return uintptr(s.fd)
}

// apply makes changes up to the first error. Without room for events kevent returns
// that error, and doesn't wait.
func (s *KqueueSelector) apply(changes ...unix.Kevent_t) error {
	for {
		_, err := unix.Kevent(s.fd, changes, nil, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

// What an entry's pos has above an index.
const (
	// The directions that the descriptor was not opened for. Of those the
	// kernel takes a filter that never fires, or refuses it, or fires as for a
	// descriptor of both directions.
	noRead, noWrite = 1 << 31, 1 << 30

	socket    = 1 << 29 // the filters tell the two directions apart
	endByRead = 1 << 28 // the end is told by the filter for reading, whether or not EventRead is asked for
	deaf      = 1 << 27 // the filter for writing isn't told when the peer closes
	forGood   = 1 << 26 // it is always ready to read and write, without a filter
	indexBits = forGood - 1
)

const beyond = math.MaxInt32 // a low-water mark that no buffer reaches

// knotes returns the changes that make a registration's knotes, as the kernel calls a
// filter on a descriptor. Where Flags is 0 there is none.
//
// A knote that is there for the end alone is called a companion here: what was
// opened for one direction (a FIFO, on some systems a pipe) is watched in that
// direction, also when it was registered for the other one, and EventHangup
// is told by the filter for reading. NOTE_LOWAT keeps data away from it: on
// sockets of every system, where filt_soread looks at the end first, but for
// macOS, which lowers the mark to the size of the buffer, and on macOS's pipes;
// listeners, other pipes, FIFOs and terminals don't know it. What comes
// all the same comes once for each arrival, by EV_CLEAR, and match drops it.
func (e *entry) knotes(fd int) (k [3]unix.Kevent_t) {
	const companion = unix.EV_ADD | unix.EV_CLEAR
	read, write, except := &k[0], &k[1], &k[2]
	unix.SetKevent(read, fd, unix.EVFILT_READ, 0)
	unix.SetKevent(write, fd, unix.EVFILT_WRITE, 0)
	unix.SetKevent(except, fd, exceptFilter, 0)
	switch {
	case e.events&EventRead != 0 && e.pos&noRead == 0:
		read.Flags = unix.EV_ADD
	case e.pos&endByRead != 0:
		read.Flags, read.Fflags, read.Data = companion, unix.NOTE_LOWAT, beyond
	}
	switch {
	case e.pos&noWrite != 0:
	case e.events&EventWrite != 0:
		write.Flags = unix.EV_ADD
	case e.pos&noRead != 0:
		write.Flags = companion
	}
	if e.events&EventPriority != 0 {
		// On macOS this one fires for ordinary data too (filt_soread_common),
		// by level it would do so again and again.
		except.Flags, except.Fflags = unix.EV_ADD|unix.EV_CLEAR, noteOOB
	}
	return k
}

// classify finds out what kind of file fd names, and sets e.pos.
func classify(fd int, e *entry) error {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	gone := err == unix.ENOENT // on NetBSD a terminal whose master is closed (ptyfs_getattr)
	if gone {
		st.Mode = unix.S_IFCHR
	} else if err != nil {
		return os.NewSyscallError("fstat", err)
	}
	kind := st.Mode & unix.S_IFMT
	hangup := e.events&EventHangup != 0
	e.pos = 0
	switch {
	case e.events&EventPriority != 0 && (kind != unix.S_IFSOCK || exceptFilter == 0):
		return errPriority
	case hangup && kind == unix.S_IFCHR && !devicesEnd:
		return errHangup
	case kind == unix.S_IFIFO && !fifosEnd() && st.Dev != 0: // it is 0 for a pipe (pipe_stat)
		return noFilter(unix.EINVAL)
	case kind == unix.S_IFREG, kind == unix.S_IFDIR, gone:
		e.pos = forGood
		return nil
	case kind == unix.S_IFSOCK:
		e.pos = socket
		if hangup {
			e.pos |= endByRead
		}
		if e.events&EventWrite != 0 && deafToClose(fd) {
			e.pos |= endByRead | deaf
		}
		return nil
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	mode := flags & unix.O_ACCMODE
	switch mode {
	case unix.O_RDONLY:
		e.pos = noWrite | endByRead
	case unix.O_WRONLY:
		e.pos = noRead
	}
	if hangup && mode != unix.O_WRONLY ||
		kind == unix.S_IFIFO && mode == deafPipes || kind == unix.S_IFCHR && !devicesEnd {
		e.pos |= endByRead
	}
	return nil
}

// noFilter is the error for what the kernel has no filter for.
func noFilter(err error) error {
	return fmt.Errorf("%w; SelectSelector may be able to wait for it", os.NewSyscallError("kevent", err))
}

func (s *KqueueSelector) add(fd int, e *entry) error {
	if fd == s.fd {
		// DragonFly has no check (kqueue_kqfilter).
		return os.NewSyscallError("kevent", unix.EINVAL)
	}
	if err := classify(fd, e); err != nil {
		return err
	}
	return s.watch(fd, e)
}

// watch adds the knotes of a registration. For those that are there already it
// makes the kernel look again, and report again what it reports once.
func (s *KqueueSelector) watch(fd int, e *entry) error {
	if e.pos&forGood != 0 {
		s.keep(fd, e.events&(EventRead|EventWrite))
		return nil
	}
	k := e.knotes(fd)
	err := s.apply(slices.DeleteFunc(k[:], func(k unix.Kevent_t) bool { return k.Flags == 0 })...)
	if err == nil {
		return nil
	}
	s.remove(fd, e)
	switch {
	case err == unix.EPIPE, err == unix.ENXIO, err == unix.EBADF && checkOpen(fd) == nil:
		// A pipe whose other end is gone: most kernels don't take the filter
		// for writing any more, and NetBSD says EBADF (pipe_kqfilter). ENXIO
		// is a terminal's that is gone (ttydev_enter on FreeBSD).
		s.keep(fd, allEvents&e.events)
		return nil
	case err == unix.EINVAL, err == unix.ENODEV, err == unix.EOPNOTSUPP, err == unix.ENOTSUP:
		return noFilter(err)
	}
	return os.NewSyscallError("kevent", err)
}

// keep makes a descriptor one that is ready for good.
func (s *KqueueSelector) keep(fd int, events EventMask) {
	if events != 0 {
		s.steady[fd] = events
		s.signal()
	}
}

func (s *KqueueSelector) modify(fd int, events EventMask, e *entry) error {
	old := *e
	old.events = events
	err := classify(fd, e)
	if err == errPriority || err == errHangup {
		return err
	}
	// All is made anew: EV_ADD doesn't change the EV_CLEAR of a knote that is there, nor
	// does it take back an EV_EOF.
	s.remove(fd, &old)
	if err != nil {
		return err
	}
	return s.watch(fd, e)
}

// remove takes no error to heart: the kernel forgets a knote when the descriptor's
// number is closed, whatever duplicates there are, so EBADF and ENOENT say that it was
// closed, or closed and reused.
func (s *KqueueSelector) remove(fd int, e *entry) {
	delete(s.steady, fd)
	for _, k := range e.knotes(fd) {
		if k.Flags != 0 {
			k.Flags = unix.EV_DELETE
			s.apply(k)
		}
	}
}

func (s *KqueueSelector) look(dst []Ready) (_ []Ready, err error) {
	s.looks, err = s.receive(s.looks, 0)
	for err == unix.EINTR {
		s.looks, err = s.receive(s.looks, 0)
	}
	if err != nil {
		return dst, os.NewSyscallError("kevent", err)
	}
	return s.match(dst, s.looks, s.changes), nil
}

func (s *KqueueSelector) prepare() error {
	s.since = s.changes
	s.atOnce = len(s.steady) > 0
	return nil
}

func (s *KqueueSelector) wait(timeout time.Duration) (over bool, err error) {
	if s.atOnce {
		timeout = 0
	}
	s.waits, err = s.receive(s.waits, timeout)
	if err == unix.EINTR {
		return false, nil
	}
	return err == nil && len(s.waits) == 0 && !s.atOnce, os.NewSyscallError("kevent", err)
}

func (s *KqueueSelector) take(dst []Ready) ([]Ready, error) {
	return s.match(dst, s.waits, s.since), nil
}

// receive puts all events into the buffer, and grows it until not all of it is needed.
// A knote that was reported goes to the end of the kernel's queue (kqueue_scan), so
// the calls after the first bring the rest before they repeat anything. A
// negative timeout never ends.
func (s *KqueueSelector) receive(events []unix.Kevent_t, timeout time.Duration) ([]unix.Kevent_t, error) {
	limit := unix.NsecToTimespec(int64(timeout))
	tp := &limit
	if timeout < 0 {
		tp = nil
	}
	events = events[:0]
	for {
		events = slices.Grow(events, max(4, len(events)))
		room := events[len(events):cap(events)]
		n, err := unix.Kevent(s.fd, nil, room, tp)
		switch {
		case err == unix.ETIMEDOUT, err != nil && len(events) > 0:
			// The first is a mere timeout on macOS (golang/go#59679). An error
			// must not lose what there is already.
			return events, nil
		case err != nil:
			return events, err
		}
		events = events[:len(events)+n]
		if n < len(room) {
			return events, nil
		}
		limit, tp = unix.Timespec{}, &limit
	}
}

// match appends the events of what was registered when the core's changes were since.
//
// What the kernel won't report again by itself is added again, so that it is reported as
// long as it holds, of the file that the number names by now. That has EV_CLEAR, or
// EV_ONESHOT if the kernel deleted it as it reported it: FreeBSD does so to one that waits
// for a pipe to become writable, when the other end is closed (pipeclose, by
// knlist_cleardel), and to those of a terminal that goes away. These can't be added
// again, and have hung up for good.
func (s *KqueueSelector) match(dst []Ready, events []unix.Kevent_t, since uint64) []Ready {
	start := len(dst)
	for i := range events {
		event := &events[i]
		fd := int(event.Ident)
		e := s.table.find(fd)
		if e == nil || e.rests() {
			continue
		}
		if e.gen <= since && event.Flags&unix.EV_ONESHOT == 0 {
			mask := e.mask(event)
			if mask == 0 {
				continue
			}
			dst = merge(dst, start, e, mask)
		}
		if event.Flags&(unix.EV_ONESHOT|unix.EV_CLEAR) != 0 {
			if s.watch(fd, e) != nil && checkOpen(fd) == nil {
				s.keep(fd, allEvents&e.events)
			}
		}
	}
	for fd, mask := range s.steady {
		if checkOpen(fd) == nil {
			dst = merge(dst, start, s.table.find(fd), mask)
		} else {
			delete(s.steady, fd) // closed while registered
		}
	}
	return dst
}

// mask returns the mask for an event, 0 if it is nothing that was asked for.
//
// The filters of a socket tell its two directions apart: one that has hung up
// has both at EV_EOF, and with one at EV_EOF the other must not be taken for
// ready. All else has one end for both. FreeBSD leaves EV_EOF set when the other
// side of a FIFO (filt_piperead before 13) or a terminal (tty_kqops_read_event) is
// back. EV_EOF comes first: beside it fflags has an error number and not NOTE_OOB,
// and ECONNRESET contains that bit.
func (e *entry) mask(event *unix.Kevent_t) (events EventMask) {
	end := event.Flags&(unix.EV_EOF|unix.EV_ERROR) != 0
	if end && e.pos&socket == 0 {
		return e.events & allEvents
	}
	switch filter := int(event.Filter); {
	case filter == unix.EVFILT_READ:
		if e.pos&noRead == 0 {
			events = EventRead
		}
		if end {
			events |= EventHangup
		}
	case filter == unix.EVFILT_WRITE:
		events = EventWrite
	case !end && event.Fflags&noteOOB != 0:
		events = EventPriority
	}
	if end && (e.events&EventPriority != 0 || e.pos&deaf != 0) && hungUp(event) {
		events = allEvents
	}
	return events & e.events
}

// hungUp reports whether a socket with one direction at its end has the other
// one there as well. It is asked for the sake of EventPriority, whose filter
// doesn't know, and of a filter for writing that is deaf. poll says POLLHUP
// for the direction that it is asked for (macOS), or for both.
func hungUp(event *unix.Kevent_t) bool {
	p := [1]unix.PollFd{{Fd: int32(event.Ident), Events: unix.POLLOUT}}
	if int(event.Filter) == unix.EVFILT_WRITE {
		p[0].Events = unix.POLLIN
	}
	unix.Poll(p[:], 0)
	return p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}

// merge adds to the result for e, or appends one. Those of this call begin at
// start.
func merge(dst []Ready, start int, e *entry, mask EventMask) []Ready {
	if i := int(e.pos & indexBits); start <= i && i < len(dst) && dst[i].Key == e.key {
		dst[i].Events |= mask
		return dst
	}
	e.pos = e.pos&^indexBits | uint32(len(dst))
	return append(dst, Ready{e.key, mask})
}

func (s *KqueueSelector) wake() error {
	if s.pipe != nil {
		if err := s.pipe.wake(); err != nil {
			return err
		}
	}
	return os.NewSyscallError("kevent", s.apply(s.wakeUp))
}

// drain leaves an event that was triggered once too often: it wakes a wait for
// nothing, once.
func (s *KqueueSelector) drain() {
	if s.pipe != nil {
		s.pipe.drain()
	}
}

func (f *kqueueFiles) release() {
	unix.Close(f.fd)
	if f.pipe != nil {
		f.pipe.release()
	}
}

// isKqueue reports whether a descriptor is a kqueue's: kevent serves no other.
func isKqueue(fd int) bool {
	_, err := unix.Kevent(fd, nil, nil, new(unix.Timespec))
	return err == nil
}
