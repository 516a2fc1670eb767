// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// A backend is what a system call needs and nothing more: the core owns the
// table of registrations, timeouts, wake-up, closing and the rules of the
// contract. The core calls each method with its mutex held; none may block.
type backend interface {
	// add starts to watch fd for e.events. It may keep a word in e.pos, and
	// a number of its own to tell this registration's events by in e.gen.
	// Where it fails nothing is left in the kernel.
	add(fd int, e *entry) error

	// modify changes what fd is watched for from old to e.events. The number
	// may name another file by now, or none. It returns errPriority or
	// errHangup with nothing changed; after any other error fd is no longer
	// watched.
	modify(fd int, old EventMask, e *entry) error

	// remove ends the watch, also of a number that names another file by
	// now, or none.
	remove(fd int, e *entry)

	// newWaiter returns what one goroutine needs to wait.
	newWaiter() waiter

	// wake makes every wait that is blocked now, or will be before drain is
	// called, come out soon.
	wake() error
	drain()

	// release frees what the constructor made. No wait is blocked any more.
	release()
}

// A waiter holds what a wait in the kernel can't share with another one: the
// buffers that the kernel writes to. One goroutine uses it at a time.
type waiter interface {
	// look brings the waiter up to date with the registrations, and appends
	// to dst what is ready now. The core's mutex is held.
	look(dst []Ready) ([]Ready, error)

	// wait blocks until something is ready, wake was called, the timeout is
	// over (none if negative; at most maxWait) or a signal arrived. It uses
	// what look prepared. The core's mutex is not held, so that neither the
	// core nor the backend may be touched but for what never changes.
	wait(timeout time.Duration) error

	// take appends to dst what wait has found, without what is not registered
	// any more. The core's mutex is held. What it leaves out, look sees.
	take(dst []Ready) ([]Ready, error)
}

// maxWait bounds one wait in the kernel, so that a timeout fits into whatever
// the kernel counts it in: an int of milliseconds for poll and epoll_wait, the
// seconds that macOS and 32-bit Linux take. The core goes on with the rest.
const maxWait = 24 * time.Hour

// ceil returns d in units, rounded up: a wait must not end early.
func ceil(d, unit time.Duration) int64 {
	return int64((d-1)/unit) + 1
}

// The core is what all selectors share.
//
// A wait first looks under the mutex, without blocking. Where that finds
// nothing it counts itself as blocked, releases the mutex, blocks in the
// kernel, and takes the mutex again before it does anything else. So who holds
// the mutex knows that every wait is either in the kernel, or on its way
// there or back, and counted by blocked, or has not begun, or has ended. This is
// what the following rests on:
//
//   - Nobody waits for a blocked wait to end: Register and the others need
//     the mutex alone.
//   - Wakeup ends the waits that are counted at that moment (each compares
//     wakes with its value from before it blocked), or leaves wakeup to the
//     next. In neither case can it fall between a wait's look and its sleep.
//   - A signal is level-triggered: it stays up until the last of the waits that
//     were blocked when it was given has come out, so that none sleeps
//     through it, whoever comes out first.
//   - The last wait to come out of a closed selector frees the backend; until
//     then the kernel's objects stay open, so that their numbers can't be
//     reused under a wait that is about to enter the kernel.
type core struct {
	mu      sync.Mutex
	backend backend
	view    *Map

	// copies says that a blocked wait works on its own copy of the
	// registrations (poll, select): a change must make it look again. Constant.
	copies bool

	// All below is guarded by mu.

	open    bool
	table   table
	objects map[any]int // comparable file objects that are not numbers, to find them by after they were closed
	changes uint64      // counts the changes to the table; the generation of what was changed last
	fresh   entry       // the entry that is being made
	idle    []waiter    // not in use

	wakeup    bool   // a Wakeup that no wait was there for
	wakes     uint64 // counts the Wakeups that blocked waits were there for
	blocked   int    // waits that are in the kernel, or on the way there or back
	signals   uint64 // counts the signals
	signalled bool   // wake was called, drain not yet
	stale     int    // blocked waits that began before the newest signal
}

func (s *core) init(b backend, copies bool) {
	s.backend = b
	s.copies = copies
	s.view = &Map{s}
	s.open = true
}

// Register implements [Selector].
func (s *core) Register(fileobj any, events EventMask, data any) (*SelectorKey, error) {
	fd, isNumber, ferr := descriptor(fileobj)
	s.mu.Lock()
	fd, ferr = s.known(fileobj, fd, isNumber, ferr)
	key, err := s.register(fileobj, fd, isNumber, ferr, events, data)
	s.mu.Unlock()
	if err != nil {
		return nil, opError("Register", fileobj, fd, ferr, err)
	}
	return key, nil
}

func (s *core) register(fileobj any, fd int, isNumber bool, ferr error, events EventMask, data any) (*SelectorKey, error) {
	switch {
	case !s.open:
		return nil, ErrClosed
	case events == 0 || events&^allEvents != 0:
		return nil, eventsError(events)
	case ferr != nil:
		return nil, ferr
	case s.table.find(fd) != nil:
		return nil, ErrRegistered
	}
	e := &s.fresh
	*e = entry{gen: s.change(), events: events}
	if err := s.backend.add(fd, e); err != nil {
		return nil, err
	}
	e.key = &SelectorKey{FileObj: fileobj, FD: fd, Events: events, Data: data}
	s.table.insert(fd, e)
	if !isNumber && isComparable(fileobj) {
		if s.objects == nil {
			s.objects = make(map[any]int)
		}
		s.objects[fileobj] = fd
	}
	key := e.key
	*e = entry{}
	return key, nil
}

// Unregister implements [Selector].
func (s *core) Unregister(fileobj any) (*SelectorKey, error) {
	fd, isNumber, ferr := descriptor(fileobj)
	s.mu.Lock()
	fd, ferr = s.known(fileobj, fd, isNumber, ferr)
	e, err := s.lookup(fd, ferr)
	if err != nil {
		s.mu.Unlock()
		return nil, opError("Unregister", fileobj, fd, ferr, err)
	}
	key := e.key
	s.change()
	s.backend.remove(key.FD, e)
	s.forget(e)
	s.mu.Unlock()
	return key, nil
}

// Modify implements [Selector].
func (s *core) Modify(fileobj any, events EventMask, data any) (*SelectorKey, error) {
	fd, isNumber, ferr := descriptor(fileobj)
	s.mu.Lock()
	fd, ferr = s.known(fileobj, fd, isNumber, ferr)
	key, err := s.modifyKey(fd, ferr, events, data)
	s.mu.Unlock()
	if err != nil {
		return nil, opError("Modify", fileobj, fd, ferr, err)
	}
	return key, nil
}

func (s *core) modifyKey(fd int, ferr error, events EventMask, data any) (*SelectorKey, error) {
	if s.open && (events == 0 || events&^allEvents != 0) {
		return nil, eventsError(events)
	}
	e, err := s.lookup(fd, ferr)
	if err != nil {
		return nil, err
	}
	old := e.key
	if events != old.Events {
		fresh := &s.fresh
		*fresh = *e
		fresh.gen, fresh.events = s.change(), events
		if err := s.backend.modify(old.FD, old.Events, fresh); err != nil {
			if err != errPriority && err != errHangup {
				s.forget(e)
			}
			return nil, err
		}
		*e = *fresh
		*fresh = entry{}
	}
	e.key = &SelectorKey{FileObj: old.FileObj, FD: old.FD, Events: events, Data: data}
	return e.key, nil
}

// GetKey implements [Selector].
func (s *core) GetKey(fileobj any) (*SelectorKey, error) {
	fd, isNumber, ferr := descriptor(fileobj)
	s.mu.Lock()
	fd, ferr = s.known(fileobj, fd, isNumber, ferr)
	e, err := s.lookup(fd, ferr)
	if err != nil {
		s.mu.Unlock()
		return nil, opError("GetKey", fileobj, fd, ferr, err)
	}
	key := e.key
	s.mu.Unlock()
	return key, nil
}

// GetMap implements [Selector].
func (s *core) GetMap() *Map {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return nil
	}
	return s.view
}

// known returns fd, or, where that could not be had, the descriptor by which
// the object is registered.
func (s *core) known(fileobj any, fd int, isNumber bool, ferr error) (int, error) {
	if ferr != nil && !isNumber && isComparable(fileobj) {
		if fd, ok := s.objects[fileobj]; ok {
			return fd, nil
		}
	}
	return fd, ferr
}

// lookup finds the entry of a descriptor.
func (s *core) lookup(fd int, ferr error) (*entry, error) {
	switch {
	case !s.open:
		return nil, ErrClosed
	case ferr != nil:
		return nil, ferr
	}
	// Where slotShift is not 0, neighbouring numbers share an entry.
	if e := s.table.find(fd); e != nil && e.key.FD == fd {
		return e, nil
	}
	return nil, ErrNotRegistered
}

// forget takes an entry out of the table.
func (s *core) forget(e *entry) {
	key := e.key
	if s.objects != nil && isComparable(key.FileObj) && s.objects[key.FileObj] == key.FD {
		delete(s.objects, key.FileObj)
	}
	s.table.remove(e)
}

// change is called before any change of the registrations, and returns the
// generation of what will be changed.
func (s *core) change() uint64 {
	if s.copies {
		s.signal()
	}
	s.changes++
	return s.changes
}

// AppendReady implements [Selector].
//
// It has the case that something is ready to itself, and epoll's look is flat:
// each return costs something after a system call, since the processor has
// forgotten where it leads to.
func (s *core) AppendReady(dst []Ready, timeout time.Duration) ([]Ready, error) {
	s.mu.Lock()
	if !s.open || len(s.idle) == 0 {
		return s.wait("AppendReady", dst, timeout, nil)
	}
	ready, err := s.idle[len(s.idle)-1].look(dst)
	if len(ready) > len(dst) {
		s.wakeup = false
		s.mu.Unlock()
		return ready, nil
	}
	return s.waitOn("AppendReady", dst, err, timeout, nil)
}

// Select implements [Selector].
func (s *core) Select(timeout time.Duration) ([]Ready, error) {
	s.mu.Lock()
	return s.wait("Select", nil, timeout, nil)
}

// SelectContext implements [Selector].
func (s *core) SelectContext(ctx context.Context) ([]Ready, error) {
	if ctx == nil {
		panic("selectors: SelectContext with a nil context")
	}
	c := &cancellation{ctx: ctx, done: ctx.Err() != nil}
	s.mu.Lock()
	ready, err := s.wait("SelectContext", nil, Forever, c)
	if c.stop != nil {
		c.stop()
	}
	if err == errCancelled {
		err = ctx.Err()
	}
	return ready, err
}

// A cancellation ends one wait when its context is done.
type cancellation struct {
	ctx  context.Context
	done bool        // guarded by the core's mutex
	stop func() bool // nil if the wait never blocked
}

// errCancelled stands for the context's error: a context's methods are
// somebody else's code, and not called under the core's mutex.
var errCancelled = errors.New("cancelled")

// start is called by a wait that is counted as blocked.
func (c *cancellation) start(s *core) {
	c.stop = context.AfterFunc(c.ctx, func() {
		s.mu.Lock()
		c.done = true
		s.signal()
		s.mu.Unlock()
	})
}

// wait is called with mu held, and releases it.
func (s *core) wait(call string, dst []Ready, timeout time.Duration, c *cancellation) ([]Ready, error) {
	if !s.open {
		s.mu.Unlock()
		return dst, waitError(call, ErrClosed)
	}
	if c != nil && c.done {
		s.mu.Unlock()
		return dst, errCancelled
	}
	if len(s.idle) == 0 {
		s.idle = append(s.idle, s.backend.newWaiter())
	}
	ready, err := s.idle[len(s.idle)-1].look(dst)
	if len(ready) > len(dst) {
		s.wakeup = false
		s.mu.Unlock()
		return ready, nil
	}
	return s.waitOn(call, dst, err, timeout, c)
}

// waitOn goes on with a wait whose look, by the last of the idle waiters, found
// nothing or failed.
func (s *core) waitOn(call string, dst []Ready, err error, timeout time.Duration, c *cancellation) ([]Ready, error) {
	ready := dst
	if err == nil {
		if s.wakeup {
			s.wakeup = false
		} else if timeout > 0 {
			last := len(s.idle) - 1
			w := s.idle[last]
			s.idle = s.idle[:last]
			ready, err = s.block(w, dst, timeout, c)
			s.idle = append(s.idle, w)
		}
	}
	s.mu.Unlock()
	if err != nil {
		return dst, waitError(call, err)
	}
	if len(ready) == len(dst) {
		return dst, nil // a backend may have given it a new array in vain
	}
	return ready, nil
}

// block waits in the kernel, after a look that found nothing. It is called and
// returns with mu held.
//
// A blocked system call keeps its P, the right to run Go code, until the
// runtime's monitor takes it away, which can be milliseconds later. At
// GOMAXPROCS=1 nobody else would run meanwhile, so block lets all others run
// first. To park in the runtime's own poller would free the P at once, but it
// costs more for each round trip, waits to the millisecond, forgets
// pressure-stall events, and neither a kqueue nor /dev/poll can be parked on.
func (s *core) block(w waiter, dst []Ready, timeout time.Duration, c *cancellation) ([]Ready, error) {
	var start time.Time
	left := time.Duration(-1)
	if timeout != Forever {
		start = time.Now()
	}
	for {
		wakes, signals := s.wakes, s.signals
		s.blocked++
		s.mu.Unlock()
		if c != nil && c.stop == nil {
			c.start(s)
		}
		runtime.Gosched()
		if timeout != Forever {
			left = max(timeout-time.Since(start), 0)
		}
		err := w.wait(min(left, maxWait))
		s.mu.Lock()
		s.blocked--
		if signals != s.signals {
			s.comeOut()
		}
		if !s.open {
			if s.blocked == 0 {
				s.backend.release()
			}
			return nil, ErrClosed
		}
		if err != nil {
			return nil, err
		}
		ready, err := w.take(dst)
		over := timeout != Forever && time.Since(start) >= timeout
		if len(ready) == len(dst) && err == nil && !(over && signals == s.signals) {
			// What took it out may be somebody else's or gone, or a change
			// that this waiter has to follow.
			ready, err = w.look(dst)
		}
		switch {
		case len(ready) > len(dst):
			return ready, nil
		case err != nil:
			return nil, err
		case wakes != s.wakes:
			return ready, nil
		case c != nil && c.done:
			return nil, errCancelled
		case over:
			return ready, nil
		}
	}
}

// Wakeup implements [Selector].
func (s *core) Wakeup() error {
	s.mu.Lock()
	err := s.wakeUp()
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("selectors: Wakeup: %w", err)
	}
	return nil
}

func (s *core) wakeUp() error {
	if !s.open {
		return ErrClosed
	}
	if s.blocked == 0 {
		s.wakeup = true
		return nil
	}
	s.wakes++
	return s.signal()
}

// signal makes every wait that is blocked now come out and look again.
func (s *core) signal() error {
	if s.blocked == 0 {
		return nil
	}
	s.signals++
	s.stale = s.blocked
	if s.signalled {
		return nil
	}
	err := s.backend.wake()
	s.signalled = err == nil // else the next signal tries again
	return err
}

// comeOut is called by a wait that came out after a signal. All who were
// blocked at the newest signal are counted by stale, and nobody else comes
// here, since only they blocked before signals had its present value.
func (s *core) comeOut() {
	s.stale--
	if s.stale == 0 && s.signalled {
		s.signalled = false
		s.backend.drain()
	}
}

// Close implements [Selector].
func (s *core) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return nil
	}
	s.open = false
	s.table = table{}
	s.objects = nil
	s.idle = nil
	if s.blocked == 0 {
		s.backend.release()
		return nil
	}
	return s.signal()
}

// opError names the call, the type of the file object and the descriptor, as
// far as it is known.
func opError(call string, fileobj any, fd int, ferr, err error) error {
	if ferr != nil {
		return fmt.Errorf("selectors: %s of %T: %w", call, fileobj, err)
	}
	return fmt.Errorf("selectors: %s of %T (descriptor %d): %w", call, fileobj, fd, err)
}

func waitError(call string, err error) error {
	if err == errCancelled {
		return err
	}
	return fmt.Errorf("selectors: %s: %w", call, err)
}

func eventsError(events EventMask) error {
	return fmt.Errorf("%w: %v", ErrInvalidEvents, events)
}
