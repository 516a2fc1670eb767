// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build solaris || linux

package selectors

import (
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A devpollModel does what dpwrite and dpioctl of illumos' devpoll.c do, over
// poll(2). What a test wants to go wrong is in its fields, which it sets before
// or between its calls, under mu if others run.
type devpollModel struct {
	mu      sync.Mutex
	changed sync.Cond
	set     map[int]*devpollEntry
	start   int // where the next scan starts
	readers int // polls that are under way
	writers int // writes that wait for old's sake
	polls   int
	closes  int
	early   bool // closed under a poll
	spare   [][]unix.PollFd

	// old is the model of a kernel before illumos 6291: a write waits for
	// sleepers, and as many results as there may be descriptors are EINVAL.
	old   bool
	limit int

	// clears is the case that a DP_POLL clears PC_POLLWAKE under those that are
	// in the middle of theirs: what one has found, the others notice at the
	// next notification.
	clears   bool
	notified int // counts them, if clears
	cleared  int // notified, when a poll last found something

	asked      int                // the room for results of the last poll
	foreign    bool               // the device belongs to another process, as after a fork
	failing    map[int]unix.Errno // descriptors whose own poll fails
	interrupts []int              // writes that end by EINTR after so many entries
	lost       int                // writes that claim to have been made
	signals    int                // polls that end by EINTR, for a handler without SA_RESTART
	onWrite    func()             // called once, before the next write
	onPoll     func()             // called once, after a poll that found something
}

type devpollEntry struct {
	events  int16 // pd_events
	watched bool  // pd_fp isn't NULL
}

func newDevpollModel() *devpollModel {
	m := &devpollModel{set: make(map[int]*devpollEntry)}
	m.changed.L = &m.mu
	return m
}

// openDevpollModel is a constructor for the tests of the contract.
var openDevpollModel = generic(func() (*devpoll, error) { return newDevpollModel().open() })

func (m *devpollModel) open() (*devpoll, error) {
	s := new(devpoll)
	if err := s.start(m, -1); err != nil {
		return nil, err
	}
	return s, nil
}

func (m *devpollModel) write(fds []unix.PollFd) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.onWrite; f != nil {
		m.onWrite = nil
		f()
	}
	switch {
	case m.foreign:
		return unix.EACCES
	case m.lost > 0:
		m.lost--
		return nil
	}
	m.writers++
	for m.old && m.readers > 0 {
		m.changed.Wait()
	}
	m.writers--
	m.changed.Broadcast()
	var err error
	if len(m.interrupts) > 0 {
		fds = fds[:m.interrupts[0]]
		m.interrupts = m.interrupts[1:]
		err = unix.EINTR
	}
	for _, p := range fds {
		fd := int(p.Fd)
		e := m.set[fd]
		if p.Events == pollRemove {
			if e != nil && (e.watched || m.old) {
				*e = devpollEntry{}
			}
			continue
		}
		if e == nil {
			e = new(devpollEntry)
			m.set[fd] = e
		}
		switch errno, fails := m.failing[fd]; {
		case checkOpen(fd) != nil:
			e.events |= p.Events
		case e.watched && e.events == p.Events:
		case fails:
			return errno
		default:
			e.watched = true
			e.events |= p.Events
		}
	}
	return err
}

// poll goes on after a signal, as the ioctl of libc does.
func (m *devpollModel) poll(fds []unix.PollFd, ms int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.polls++
	m.asked = len(fds)
	for m.writers > 0 {
		m.changed.Wait()
	}
	switch {
	case m.foreign:
		return -1, unix.EACCES
	case m.closes > 0:
		return -1, unix.EBADF
	case m.old && m.limit > 0 && len(fds) >= m.limit:
		return -1, unix.EINVAL
	}
	m.readers++
	defer func() {
		m.readers--
		m.changed.Broadcast()
	}()
	// Buffers are kept, since some tests count allocations.
	var all []unix.PollFd
	if i := len(m.spare) - 1; i >= 0 {
		all, m.spare = m.spare[i], m.spare[:i]
	}
	defer func() { m.spare = append(m.spare, all) }()
	start := kernelClock()
	for first := true; ; first = false {
		all = m.watched(all[:0])
		n, err := 0, error(nil)
		if first || !m.clears || m.notified > m.cleared {
			n, err = m.scan(fds, all)
		}
		if n > 0 {
			m.cleared = m.notified
		}
		if f := m.onPoll; n > 0 && f != nil {
			m.onPoll = nil
			m.mu.Unlock()
			f()
			m.mu.Lock()
		}
		if m.signals > 0 {
			m.signals--
			return -1, unix.EINTR
		}
		if n > 0 || err != nil || ms >= 0 && kernelClock()-start >= time.Duration(ms)*time.Millisecond {
			return n, err
		}
		// Not for longer, since a write has to be followed as well.
		m.mu.Unlock()
		unix.Poll(all, 1)
		m.mu.Lock()
	}
}

// kernelClock is one that doesn't stand still in a testing/synctest bubble.
func kernelClock() time.Duration {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return time.Duration(now.Nano())
}

// watched appends the set, in the order of a scan.
func (m *devpollModel) watched(all []unix.PollFd) []unix.PollFd {
	for fd, e := range m.set {
		if e.watched {
			all = append(all, unix.PollFd{Fd: int32(fd), Events: e.events})
		}
	}
	slices.SortFunc(all, func(a, b unix.PollFd) int {
		return m.turn(a.Fd) - m.turn(b.Fd)
	})
	return all
}

// turn counts descriptors from where the last scan stopped.
func (m *devpollModel) turn(fd int32) int {
	if int(fd) < m.start {
		return int(fd) + 1<<20
	}
	return int(fd)
}

// scan is dp_pcache_poll.
func (m *devpollModel) scan(fds, all []unix.PollFd) (n int, err error) {
	for {
		_, err := unix.Poll(all, 0)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return -1, err
		}
	}
	for _, p := range all {
		if n == len(fds) {
			m.start = int(fds[n-1].Fd) + 1
			return n, nil
		}
		if errno, fails := m.failing[int(p.Fd)]; fails {
			return -1, errno
		}
		if p.Revents != 0 {
			fds[n] = p
			n++
		}
	}
	return n, nil
}

func (m *devpollModel) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closes++
	m.early = m.early || m.readers > 0
}

// count returns how often the device was polled.
func (m *devpollModel) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.polls
}

// events returns what the device has for a descriptor.
func (m *devpollModel) events(fd int) int16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.set[fd]; e != nil && e.watched {
		return e.events
	}
	return 0
}

// devpollTest opens a selector on a model of the device.
func devpollTest(t *testing.T) (*devpoll, *devpollModel) {
	t.Helper()
	m := newDevpollModel()
	s, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if m.closes != 1 {
			t.Errorf("the device was closed %d times", m.closes)
		}
	})
	return s, m
}

// devpollOpen has the descriptors of these tests, so that none is closed that
// is another's by now.
var devpollOpen = make(map[int]bool)

func devpollClose(fd int) {
	if devpollOpen[fd] {
		delete(devpollOpen, fd)
		unix.Close(fd)
	}
}

// devpollPair returns a connected pair of sockets: writable, not readable.
func devpollPair(t *testing.T) (a, b int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range p {
		devpollOpen[fd] = true
		t.Cleanup(func() { devpollClose(fd) })
	}
	return p[0], p[1]
}

// devpollReuse closes fd if it is open, makes its number name the end of
// another pair, and returns the other end.
func devpollReuse(t *testing.T, fd int) int {
	t.Helper()
	devpollClose(fd)
	// The lowest free number is the next one.
	a, b := devpollPair(t)
	switch fd {
	case a:
		return b
	case b:
		return a
	}
	if err := unix.Dup2(a, fd); err != nil {
		t.Fatal(err)
	}
	devpollOpen[fd] = true
	devpollClose(a)
	return b
}

func devpollRegister(t *testing.T, s *devpoll, fd int, events EventMask) *SelectorKey {
	t.Helper()
	key, err := s.Register(fd, events, nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// devpollWant selects and compares, in any order.
func devpollWant(t *testing.T, s *devpoll, timeout time.Duration, want ...Ready) {
	t.Helper()
	ready, err := s.Select(timeout)
	if err != nil {
		t.Fatal(err)
	}
	missing := slices.Clone(want)
	for _, r := range ready {
		i := slices.Index(missing, r)
		if i < 0 {
			t.Errorf("ready: %v %v, want %v", *r.Key, r.Events, want)
			continue
		}
		missing = slices.Delete(missing, i, i+1)
	}
	if len(missing) > 0 {
		t.Errorf("not ready: %v", missing)
	}
}

// devpollBlock starts a Select and waits until it blocks in the device, or sleeps
// beside one that does.
func devpollBlock(t *testing.T, s *devpoll, timeout time.Duration) <-chan answer {
	t.Helper()
	m := s.device.(*devpollModel)
	c := startSelect(s, timeout)
	eventually("a wait blocks in the device", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.readers > 0
	})
	return c
}

func wantErrno(t *testing.T, err error, errno unix.Errno) {
	t.Helper()
	var syserr *os.SyscallError
	if !errors.As(err, &syserr) || !errors.Is(err, errno) {
		t.Errorf("error is %v, want an os.SyscallError around %v", err, errno)
	}
}
