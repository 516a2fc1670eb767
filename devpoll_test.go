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

// What is special about the device is held against the model itself first, so
// that the tests below don't pass for want of a trap.
func TestDevpollModelHasTheTraps(t *testing.T) {
	m := newDevpollModel()
	a, _ := devpollPair(t)
	b, _ := devpollPair(t)
	entry := func(fd int, events int16) []unix.PollFd {
		return []unix.PollFd{{Fd: int32(fd), Events: events}}
	}
	poll := func() (unix.PollFd, error) {
		fds := make([]unix.PollFd, 1)
		_, err := m.poll(fds, 0)
		return fds[0], err
	}
	write := func(fds []unix.PollFd) {
		t.Helper()
		if err := m.write(fds); err != nil {
			t.Fatal(err)
		}
	}

	write(entry(a, unix.POLLOUT))
	write(entry(a, unix.POLLIN))
	if p, _ := poll(); p.Revents != unix.POLLOUT {
		t.Errorf("a second write replaces the events: %#x", p.Revents)
	}
	devpollClose(a)
	if p, _ := poll(); p.Revents != unix.POLLNVAL {
		t.Errorf("closed: %#x", p.Revents)
	}
	devpollReuse(t, a)
	if p, _ := poll(); int(p.Fd) != a || p.Revents != unix.POLLOUT {
		t.Errorf("closed and reused: %v", p)
	}
	write(entry(a, pollRemove))
	if p, _ := poll(); p.Revents != 0 {
		t.Errorf("removed: %#x", p.Revents)
	}
	devpollClose(a)
	write(entry(a, unix.POLLOUT))
	if p, _ := poll(); p.Revents != 0 {
		t.Errorf("written while closed: %#x", p.Revents)
	}
	devpollReuse(t, a)
	write(entry(a, pollRemove))
	write(entry(a, unix.POLLIN))
	if p, _ := poll(); p.Revents != unix.POLLOUT {
		t.Errorf("a removal clears events that were written while closed: %#x", p.Revents)
	}
	m.failing = map[int]unix.Errno{a: unix.ENXIO, b: unix.ENXIO}
	if _, err := poll(); err != unix.ENXIO {
		t.Errorf("one descriptor's error: %v", err)
	}
	if err := m.write(append(entry(a, pollRemove), entry(b, unix.POLLIN)...)); err != unix.ENXIO || m.events(a) != 0 {
		t.Errorf("a write that fails at its second entry: %v", err)
	}
	m.foreign = true
	if _, err := poll(); err != unix.EACCES {
		t.Errorf("after a fork: %v", err)
	}
}

func TestDevpollModifyDropsTheOldMask(t *testing.T) {
	s, m := devpollTest(t)
	a, b := devpollPair(t)
	devpollRegister(t, s, a, EventRead|EventWrite)
	key, err := s.Modify(a, EventRead, nil)
	if err != nil {
		t.Fatal(err)
	}
	if events := m.events(a); events != unix.POLLIN {
		t.Errorf("the device has %#x", events)
	}
	polls := m.count()
	devpollWant(t, s, 20*time.Millisecond)
	if polls := m.count() - polls; polls > 3 {
		t.Errorf("Select polled %d times", polls)
	}
	unix.Write(b, []byte{1})
	devpollWant(t, s, Forever, Ready{key, EventRead})
}

func TestDevpollLeftoversOfAClosedDescriptorAreCleared(t *testing.T) {
	for _, name := range []string{"unregistered before", "unregistered after", "closed on the way to the device"} {
		t.Run(name, func(t *testing.T) {
			s, m := devpollTest(t)
			a, _ := devpollPair(t)
			if name == "closed on the way to the device" {
				m.onWrite = func() { devpollClose(a) }
			}
			devpollRegister(t, s, a, EventWrite)
			if name != "unregistered after" {
				s.Unregister(a)
			}
			devpollReuse(t, a)
			if name == "unregistered after" {
				s.Unregister(a)
			}
			devpollRegister(t, s, a, EventRead)
			if events := m.events(a); events != unix.POLLIN {
				t.Errorf("the device has %#x", events)
			}
			polls := m.count()
			devpollWant(t, s, 10*time.Millisecond)
			if polls := m.count() - polls; polls > 3 {
				t.Errorf("Select polled %d times", polls)
			}
		})
	}
}

func TestDevpollRefusesABadDescriptor(t *testing.T) {
	s, m := devpollTest(t)
	a, _ := devpollPair(t)
	devpollRegister(t, s, a, EventRead)
	devpollClose(a)
	_, err := s.Modify(a, EventWrite, nil)
	wantErrno(t, err, unix.EBADF)
	if _, err := s.GetKey(a); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("after a Modify that failed: %v", err)
	}
	_, err = s.Register(a, EventWrite, nil)
	wantErrno(t, err, unix.EBADF)
	if m.events(a) != 0 || s.GetMap().Len() != 0 {
		t.Error("something was left behind")
	}
}

func TestDevpollRefusesEventHangupIfTheSystemHasNoWordForIt(t *testing.T) {
	s, m := devpollTest(t)
	if s.tellsHangup == nil {
		t.Fatal("nobody asks the system")
	}
	s.tellsHangup = func() bool { return false }
	a, _ := devpollPair(t)
	if _, err := s.Register(a, EventHangup, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Register: %v", err)
	}
	devpollRegister(t, s, a, EventRead)
	if _, err := s.Modify(a, EventRead|EventHangup, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Modify: %v", err)
	}
	if key, err := s.GetKey(a); err != nil || key.Events != EventRead || m.events(a) != unix.POLLIN {
		t.Errorf("after a Modify that was refused: %v, %v; the device has %#x", key, err, m.events(a))
	}
}

func TestDevpollRefusesItsOwnDescriptors(t *testing.T) {
	s, m := devpollTest(t)
	s.fd, _ = devpollPair(t)
	for _, fd := range []int{s.r, s.fd} {
		_, err := s.Register(fd, EventRead, nil)
		wantErrno(t, err, unix.EINVAL)
	}
	if m.events(s.r) != unix.POLLIN {
		t.Error("the waker isn't watched any more")
	}
}

func TestDevpollAClosedDescriptorHarmsNoOtherKey(t *testing.T) {
	s, m := devpollTest(t)
	a, _ := devpollPair(t)
	c, d := devpollPair(t)
	devpollRegister(t, s, a, EventRead|EventWrite)
	key := devpollRegister(t, s, c, EventRead)
	devpollClose(a)
	unix.Write(d, []byte{1})
	devpollWant(t, s, Forever, Ready{key, EventRead})
	unix.Read(c, make([]byte, 1))

	polls := m.count()
	start := time.Now()
	devpollWant(t, s, 30*time.Millisecond)
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("Select took %v", took)
	}
	if polls := m.count() - polls; polls > 4 {
		t.Errorf("Select polled %d times", polls)
	}
	if _, err := s.GetKey(a); err != nil {
		t.Error(err)
	}
	// Modify takes the file that the number names by now.
	devpollReuse(t, a)
	modified, err := s.Modify(a, EventWrite, nil)
	if err != nil {
		t.Fatal(err)
	}
	devpollWant(t, s, Forever, Ready{modified, EventWrite})
	if _, err := s.Unregister(a); err != nil {
		t.Error(err)
	}
}

// Closed while the waits sleep: whoever finds it writes to the device, and must
// not wait for those who go on sleeping.
func TestDevpollNeverWaitsForASleeperOfAnOldKernel(t *testing.T) {
	s, m := devpollTest(t)
	m.old = true
	a, _ := devpollPair(t)
	c, _ := devpollPair(t)
	first := devpollBlock(t, s, Forever)
	second := devpollBlock(t, s, Forever)
	within(t, "Register", func() { devpollRegister(t, s, a, EventRead) })
	within(t, "Modify", func() { s.Modify(a, EventRead|EventPriority, nil) })
	devpollRegister(t, s, c, EventRead)
	for range 3 {
		within(t, "Select", func() {
			ready, err := s.Select(time.Millisecond)
			if len(ready) > 0 || err != nil {
				t.Errorf("Select: %v, %v", ready, err)
			}
		})
	}
	devpollClose(a)
	within(t, "Select", func() {
		ready, err := s.Select(0)
		if len(ready) > 0 || err != nil {
			t.Errorf("Select: %v, %v", ready, err)
		}
	})
	within(t, "Unregister", func() { s.Unregister(c) })
	within(t, "Close", func() { s.Close() })
	for _, c := range []<-chan answer{first, second} {
		if a := end(t, c); !errors.Is(a.err, ErrClosed) {
			t.Errorf("Select: %v", a.err)
		}
	}
}

func TestDevpollOfAnotherProcess(t *testing.T) {
	s, m := devpollTest(t)
	a, _ := devpollPair(t)
	c, _ := devpollPair(t)
	key := devpollRegister(t, s, a, EventWrite)
	m.foreign = true
	_, err := s.Register(c, EventRead, nil)
	wantErrno(t, err, unix.EACCES)
	ready, err := s.Select(Forever)
	wantErrno(t, err, unix.EACCES)
	if len(ready) > 0 {
		t.Errorf("ready: %v", ready)
	}
	m.foreign = false
	devpollWant(t, s, Forever, Ready{key, EventWrite})
}

func TestDevpollRepeatsAnInterruptedWrite(t *testing.T) {
	s, m := devpollTest(t)
	a, _ := devpollPair(t)
	m.interrupts = []int{0, 1, 2, 3}
	key := devpollRegister(t, s, a, EventWrite)
	devpollWant(t, s, Forever, Ready{key, EventWrite})
	m.interrupts = []int{1, 2}
	if _, err := s.Modify(a, EventRead, nil); err != nil {
		t.Fatal(err)
	}
	devpollWant(t, s, 0)
	m.interrupts = []int{0}
	s.Unregister(a)
	if m.events(a) != 0 || len(m.interrupts) > 0 {
		t.Error("Unregister left it in the set")
	}
}

func TestDevpollAnInterruptedPollGoesOn(t *testing.T) {
	s, m := devpollTest(t)
	a, b := devpollPair(t)
	key := devpollRegister(t, s, a, EventRead|EventWrite)
	m.signals = 3
	devpollWant(t, s, 0, Ready{key, EventWrite})

	key, err := s.Modify(a, EventRead, nil)
	if err != nil {
		t.Fatal(err)
	}
	result := devpollBlock(t, s, Forever)
	m.mu.Lock()
	m.signals = 1
	m.mu.Unlock()
	eventually("the poll is interrupted", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.signals == 0
	})
	stillBlocked(t, result)
	unix.Write(b, []byte{1})
	wants(t, end(t, result), Ready{key, EventRead})
}

func TestDevpollAWriteThatFailsLeavesNothingBehind(t *testing.T) {
	s, m := devpollTest(t)
	a, b := devpollPair(t)
	m.failing = map[int]unix.Errno{b: unix.ENXIO}
	_, err := s.Register(b, EventWrite, nil)
	wantErrno(t, err, unix.ENXIO)

	devpollRegister(t, s, a, EventRead)
	m.failing[a] = unix.ENXIO
	_, err = s.Modify(a, EventWrite, nil)
	wantErrno(t, err, unix.ENXIO)
	if n := s.GetMap().Len(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	devpollWant(t, s, 0)

	m.failing = nil
	for _, fd := range []int{a, b} {
		if m.events(fd) != 0 {
			t.Errorf("descriptor %d is watched", fd)
		}
		devpollRegister(t, s, fd, EventRead)
	}
	devpollWant(t, s, 0)
}

func TestDevpollOneDescriptorsErrorIsReportedAndFailsNoOther(t *testing.T) {
	for _, timeout := range []time.Duration{0, Forever} {
		s, m := devpollTest(t)
		a, b := devpollPair(t)
		c, d := devpollPair(t)
		failing := devpollRegister(t, s, a, EventRead|EventPriority)
		key := devpollRegister(t, s, c, EventRead)
		closed, _ := devpollPair(t)
		devpollRegister(t, s, closed, EventRead)
		devpollClose(closed)
		unix.Write(d, []byte{1})
		m.failing = map[int]unix.Errno{a: unix.ENXIO}
		devpollWant(t, s, timeout, Ready{failing, EventRead | EventPriority}, Ready{key, EventRead})
		devpollWant(t, s, timeout, Ready{key, EventRead})

		m.failing = nil
		unix.Write(b, []byte{1})
		modified, err := s.Modify(a, EventRead, nil)
		if err != nil {
			t.Fatal(err)
		}
		devpollWant(t, s, timeout, Ready{modified, EventRead}, Ready{key, EventRead})
	}
}

// The same while a wait sleeps.
func TestDevpollADescriptorThatComesToFailEndsTheWait(t *testing.T) {
	s, m := devpollTest(t)
	a, _ := devpollPair(t)
	key := devpollRegister(t, s, a, EventRead)
	result := devpollBlock(t, s, Forever)
	m.mu.Lock()
	m.failing = map[int]unix.Errno{a: unix.ENXIO}
	m.mu.Unlock()
	wants(t, end(t, result), Ready{key, EventRead})
}

// An error that no descriptor is to blame for.
func TestDevpollAnErrorOfTheDeviceIsReturned(t *testing.T) {
	s, m := devpollTest(t)
	a, _ := devpollPair(t)
	devpollRegister(t, s, a, EventRead)
	m.old, m.limit = true, 1
	ready, err := s.Select(Forever)
	wantErrno(t, err, unix.EINVAL)
	if len(ready) > 0 {
		t.Errorf("ready: %v", ready)
	}
}

func TestDevpollResultsOfAGoneRegistrationAreDropped(t *testing.T) {
	s, m := devpollTest(t)
	a, b := devpollPair(t)
	devpollRegister(t, s, a, EventRead)
	result := devpollBlock(t, s, Forever)
	var key *SelectorKey
	var d int
	called := make(chan struct{})
	m.mu.Lock()
	m.onPoll = func() {
		// The wait has found something and is on its way back.
		s.Unregister(a)
		d = devpollReuse(t, a)
		key = devpollRegister(t, s, a, EventRead)
		close(called)
	}
	m.mu.Unlock()
	unix.Write(b, []byte{1})
	within(t, "the poll", func() { <-called })
	stillBlocked(t, result)
	unix.Write(d, []byte{1})
	wants(t, end(t, result), Ready{key, EventRead})
}

func TestDevpollALostRemovalIsMadeUpFor(t *testing.T) {
	s, m := devpollTest(t)
	a, _ := devpollPair(t)
	devpollRegister(t, s, a, EventWrite)
	m.lost = 1
	if _, err := s.Unregister(a); err != nil {
		t.Fatal(err)
	}
	if m.events(a) == 0 {
		t.Fatal("nothing was lost")
	}
	polls := m.count()
	devpollWant(t, s, 20*time.Millisecond)
	if polls := m.count() - polls; polls > 4 {
		t.Errorf("Select polled %d times", polls)
	}
}

func TestDevpollBufferGrowsWithTheRegistrations(t *testing.T) {
	s, m := devpollTest(t)
	m.old, m.limit = true, 100
	result := devpollBlock(t, s, Forever)
	var want []Ready
	for range 49 {
		for _, fd := range func() [2]int { a, b := devpollPair(t); return [2]int{a, b} }() {
			key := devpollRegister(t, s, fd, EventWrite)
			want = append(want, Ready{key, EventWrite})
		}
	}
	if a := end(t, result); len(a.ready) == 0 || a.err != nil {
		t.Errorf("the Select that began before returned %v, %v", format(a.ready), a.err)
	}
	devpollWant(t, s, Forever, want...)
	if m.asked <= len(want) {
		t.Errorf("the last poll had room for %d results, want one more than %d for the waker", m.asked, len(want))
	}
	for _, r := range want[1:] {
		s.Unregister(r.Key.FD)
	}
	devpollWant(t, s, Forever, want[0])
}

// A notified notes each wake-up in the model, before the kernel sees it.
type devpollNotified struct {
	*devpoll
	m *devpollModel
}

func (n devpollNotified) wake() error {
	n.m.mu.Lock()
	n.m.notified++
	n.m.mu.Unlock()
	return n.devpoll.wake()
}

// A second look at the set clears the note of a wake-up under a wait that is in
// the middle of its own.
func TestDevpollNoWaitSleepsThroughAWakeUpThatAnotherHasTaken(t *testing.T) {
	for _, waits := range []int{2, 3, 5} {
		s, m := devpollTest(t)
		s.backend = devpollNotified{s, m}
		m.clears = true
		fd, _ := devpollPair(t)
		results := make([]<-chan answer, waits)
		for i := range results {
			results[i] = devpollBlock(t, s, Forever)
		}
		// Register makes them all look again, but ends none.
		devpollRegister(t, s, fd, EventRead)
		s.Close()
		for _, result := range results {
			if a := end(t, result); !errors.Is(a.err, ErrClosed) {
				t.Errorf("a wait returned %v, %v", format(a.ready), a.err)
			}
		}
	}
}

func TestDevpollClosesTheDeviceWithTheLastWait(t *testing.T) {
	s, m := devpollTest(t)
	first := devpollBlock(t, s, Forever)
	second := devpollBlock(t, s, time.Hour)
	s.Close()
	for _, c := range []<-chan answer{first, second} {
		if a := end(t, c); !errors.Is(a.err, ErrClosed) {
			t.Errorf("Select: %v", a.err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closes != 1 || m.early {
		t.Errorf("the device was closed %d times, under a wait: %v", m.closes, m.early)
	}
}

func TestDevpollStartThatFailsClosesTheDevice(t *testing.T) {
	m := newDevpollModel()
	m.foreign = true
	_, err := m.open()
	wantErrno(t, err, unix.EACCES)
	if m.closes != 1 {
		t.Errorf("the device was closed %d times", m.closes)
	}
}

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
