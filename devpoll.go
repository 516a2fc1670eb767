// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build solaris || linux

package selectors

import (
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// devpoll is DevpollSelector but for its system calls, so that it also runs on
// the model of the device that devpoll_test.go has for Linux. The kernel's side
// is uts/common/io/devpoll.c of illumos, whose functions are named here.
type devpoll struct {
	core
	*devpollFiles
	fd    int         // of the device; constant while the selector is in use
	timer *time.Timer // ends the wait

	looks, waits devpollResults
}

// devpollResults have room for all that is ready, as far as it was registered when
// they were fitted.
type devpollResults struct {
	fds   []unix.PollFd
	n     int // how many results there are, -1 if err is set
	err   error
	since uint64 // the core's changes when they were fitted
}

// devpollFiles are a selector's descriptors.
type devpollFiles struct {
	*waker
	device devpollDevice
}

// A devpollDevice is an open /dev/poll. It keeps a set of descriptors and
// what each is watched for.
type devpollDevice interface {
	// write changes the set, entry by entry. It ORs the events to those that
	// it has for the descriptor, and clears those for pollRemove. It stops at
	// the first entry that fails.
	write(fds []unix.PollFd) error

	// poll fills fds with what is ready, waits for that as many milliseconds, for
	// ever if negative, and returns how many there are, -1 with an error.
	poll(fds []unix.PollFd, ms int) (int, error)

	close()
}

// pollRemove alone in an entry's events takes its descriptor out of the set.
const pollRemove = 0x0800

// start makes the selector work on a device. Where it fails it has closed it.
func (s *devpoll) start(device devpollDevice, fd int) error {
	k, err := newWaker()
	if err != nil {
		device.close()
		return err
	}
	s.devpollFiles, s.fd = &devpollFiles{k, device}, fd
	err = s.write(newPollFd(s.r, EventRead))
	if err == nil {
		_, err = device.poll(make([]unix.PollFd, 1), 0)
		err = os.NewSyscallError("ioctl", err)
	}
	if err != nil {
		s.devpollFiles.release()
		return err
	}
	s.timer = time.AfterFunc(Forever, func() {
		// If the wait has ended already, this is for nothing but does no harm.
		s.mu.Lock()
		s.signal()
		s.mu.Unlock()
	})
	s.timer.Stop()
	s.tellsHangup = tellsHangup
	s.init(s, s.devpollFiles)
	return nil
}

// write changes the set of the device.
//
// A kernel that is older than illumos 6291 lets the writer wait until nobody
// sleeps in DP_POLL (dpwrite), and Solaris comes without sources: so whoever
// sleeps is told first. That also makes them look again with room for one
// descriptor more.
func (s *devpoll) write(fds ...unix.PollFd) error {
	s.signal()
	err := s.device.write(fds)
	for err == unix.EINTR {
		err = s.device.write(fds)
	}
	return os.NewSyscallError("write", err)
}

// watch sets what a descriptor is watched for, or leaves it unwatched.
//
// The entry that counts is the last. The device doesn't know when a descriptor
// is closed, so there may be events of an earlier owner of the number, to
// which new ones would be added. A removal clears them, but is skipped where
// the descriptor was closed when its events were written (dpwrite, where
// pd_fp is NULL): the first entry undoes that.
func (s *devpoll) watch(fd int, events EventMask) error {
	p := newPollFd(fd, events)
	err := s.write(p, unix.PollFd{Fd: p.Fd, Events: pollRemove}, p)
	if err != nil {
		s.remove(fd, nil)
	}
	return err
}

func (s *devpoll) add(fd int, e *entry) error {
	// Nobody may take the waker out, and the device polls as POLLERR (dppoll).
	if fd == s.r || fd == s.fd {
		return os.NewSyscallError("write", unix.EINVAL)
	}
	// The device takes a closed descriptor without an error.
	if err := checkOpen(fd); err != nil {
		return err
	}
	return s.watch(fd, e.events)
}

func (s *devpoll) modify(fd int, _ EventMask, e *entry) error {
	err := s.add(fd, e)
	if err != nil {
		s.remove(fd, e)
	}
	return err
}

// remove takes no error to heart. The device has none for a descriptor that
// was closed, or closed and reused; if it refuses all writes, as it does to
// every process but one after a fork, it also refuses to wait.
func (s *devpoll) remove(fd int, _ *entry) {
	s.write(unix.PollFd{Fd: int32(fd), Events: pollRemove})
}

// fit makes room for what is registered and the waker, but for not one more: older
// kernels refuse as many as a process may have descriptors. With those of the device
// and of the waker's write end that many can't be in the set.
func (s *devpoll) fit(b *devpollResults) {
	b.since = s.changes
	n := s.table.n + 1
	b.fds = slices.Grow(b.fds[:0], n)[:n]
}

func (s *devpoll) look(dst []Ready) ([]Ready, error) {
	b := &s.looks
	s.fit(b)
	b.n, b.err = s.device.poll(b.fds, 0)
	for b.err == unix.EINTR {
		b.n, b.err = s.device.poll(b.fds, 0)
	}
	return s.collect(dst, b)
}

func (s *devpoll) prepare() error {
	s.fit(&s.waits)
	return nil
}

// wait leaves errors to take.
//
// The kernel alone can't be trusted with the timeout. After a signal, libc's
// ioctl starts DP_POLL again with the whole of it, as it does for every handler
// with SA_RESTART (SYSCALL_RESTART_RVAL1 in common/sys/ioctl.s), which all of
// Go's have: one child that ends every second would hold up a wait of two
// seconds for ever. Nor can the timer: one of a testing/synctest bubble stands
// still beside a system call.
func (s *devpoll) wait(timeout time.Duration) (over bool, err error) {
	b := &s.waits
	if timeout < 0 {
		b.n, b.err = s.device.poll(b.fds, -1)
		return false, nil
	}
	s.timer.Reset(timeout)
	b.n, b.err = s.device.poll(b.fds, int(ceil(timeout, time.Millisecond)))
	fired := !s.timer.Stop()
	return fired || b.n == 0 && b.err == nil, nil
}

func (s *devpoll) take(dst []Ready) ([]Ready, error) { return s.collect(dst, &s.waits) }

// collect appends what has answered.
func (s *devpoll) collect(dst []Ready, b *devpollResults) ([]Ready, error) {
	if b.err != nil && b.err != unix.EINTR {
		isolated := s.isolate(dst)
		if len(isolated) == len(dst) {
			return dst, os.NewSyscallError("ioctl", b.err)
		}
		dst = isolated
		b.n, b.err = s.device.poll(b.fds, 0)
	}
	for i := range max(b.n, 0) {
		p := &b.fds[i]
		fd := int(p.Fd)
		if fd == s.r {
			if p.Revents&unix.POLLNVAL != 0 {
				// Somebody closed a descriptor that was not theirs.
				return dst, os.NewSyscallError("ioctl", unix.EBADF)
			}
			if !s.signalled {
				s.drain() // somebody else wrote to it
			}
			continue
		}
		e := s.table.find(fd)
		switch {
		case e != nil && e.gen > b.since, e == nil && b.since != s.changes:
			// It was registered or removed while the wait was on its way.
		case e == nil, p.Revents&unix.POLLNVAL != 0:
			// The kernel has lost its removal, or it was closed while
			// registered: it would be reported for ever.
			s.remove(fd, e)
		default:
			if mask := pollMask(fd, e.events, uint32(p.Revents)); mask != 0 {
				dst = append(dst, Ready{e.key, mask})
			}
		}
	}
	return dst, nil
}

// isolate looks for what made DP_POLL fail. If a single descriptor can't be
// polled, nothing can (dp_pcache_poll): one that was closed and names a
// device without a poll routine by now, or a STREAM that was linked under a
// multiplexer. A write polls each descriptor as well, and so tells which it
// is. That one is reported once as what an error counts as, all that was asked
// for, and then left out of the set.
func (s *devpoll) isolate(dst []Ready) []Ready {
	if s.write(newPollFd(s.r, EventRead)) != nil {
		return dst // not even the waker can be written: it is the device that refuses
	}
	for slot, e := s.table.next(0); e != nil; slot, e = s.table.next(slot + 1) {
		if !e.rests() && s.watch(slot, e.events) != nil {
			dst = append(dst, Ready{e.key, e.events & allEvents})
		}
	}
	return dst
}

// wake empties the pipe first, and looks at it: a pipe tells only who has looked at it
// in vain since it last told somebody (FIFOPOLLR in fifo_wakereader). For a look that
// begins while the wait is about to sleep clears the note of a wake-up that came in
// between (dpioctl with PC_POLLWAKE; fifo_poll drops the lock by pollunlock): the core
// wakes again after such a look, and that has to reach the wait.
func (s *devpoll) wake() error {
	s.drain()
	pollWait([]unix.PollFd{newPollFd(s.r, EventRead)}, 0)
	return s.waker.wake()
}

func (f *devpollFiles) release() {
	f.device.close()
	f.waker.release()
}
