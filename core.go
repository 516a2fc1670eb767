// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
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

	// wake makes every wait that is blocked now come out soon. None begins to
	// block before drain is called, and drain is called when all are out.
	wake() error
	drain()
}

// Resources are what the system has given to a selector. They are apart from
// it, and refer to nothing that refers to it, so that they can be given back
// when a selector is collected that nobody has closed.
type resources interface {
	// release gives them back. No wait is blocked any more.
	release()
}

// A waiter holds what a wait in the kernel can't share with another one: the
// buffers that the kernel writes to. One goroutine uses it at a time.
type waiter interface {
	// look brings the waiter up to date with the registrations, and appends
	// to dst what is ready now. The core's mutex is held.
	look(dst []Ready) ([]Ready, error)

	// prepare does the same without the appending, before a wait that was not
	// begun by look: a look at all that is registered, with the mutex held, is
	// what poll and select are slow at. A backend that can't wait without a look
	// may append all the same.
	prepare(dst []Ready) ([]Ready, error)

	// wait blocks until something is ready, wake was called, the timeout is
	// over (none if negative; at most maxWait) or a signal arrived. It is over
	// where the system itself has counted the whole timeout and nothing came.
	// It uses what look or prepare prepared. The core's mutex is not held, so
	// that neither the core nor the backend may be touched but for what never
	// changes.
	wait(timeout time.Duration) (over bool, err error)

	// take appends to dst what wait has found, without what is not registered
	// any more. The core's mutex is held. What it leaves out, the next wait
	// or look sees.
	take(dst []Ready) ([]Ready, error)
}

// maxWait bounds one wait in the kernel, so that a timeout fits into whatever
// the kernel counts it in: an int of milliseconds for poll and epoll_wait, the
// seconds that macOS and 32-bit Linux take. The core goes on with the rest.
const maxWait = 24 * time.Hour

// ceil returns d in units, rounded up: nothing else keeps a wait from ending
// early, since the system's word is taken for it that a timeout is over, but for
// endsEarly.
func ceil(d, unit time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64((d-1)/unit) + 1
}

// endsEarly: these kernels work out what is left of a timeout by a clock that is as
// old as the last tick (getnanouptime in kern_kevent, gettimeleft, kqueue_sleep). So
// a wait during which something was ready for a moment can end up to a tick early.
const endsEarly = runtime.GOOS == "dragonfly" || runtime.GOOS == "netbsd" || runtime.GOOS == "openbsd"

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
//   - Wakeup ends the waits that are under way at that moment (each compares
//     wakes with its value from its beginning), or leaves wakeup to the next.
//     In neither case can it fall between a wait's look and its sleep.
//   - A signal is level-triggered: it stays up until the last of the blocked
//     waits has come out, so that none sleeps through it, whoever comes out
//     first. While it is up no other wait begins to block: it would come out at
//     once, go round, and hold up the mutex that the others need. It waits for
//     settled instead.
//   - The last wait to come out of a closed selector frees the resources; until
//     then the kernel's objects stay open, so that their numbers can't be
//     reused under a wait that is about to enter the kernel.
//   - Nothing that may panic, sleep or call back (a file object's methods, a
//     context's) runs while the mutex is held or a wait is counted.
type core struct {
	mu        sync.Mutex
	backend   backend
	resources resources
	cleanup   runtime.Cleanup
	view      *Map
	settled   sync.Cond            // signalled went down
	now       func() time.Duration // the system's clock

	// All below is guarded by mu.

	// copies says that a blocked wait works on its own copy of the
	// registrations (poll, select): a change must make it look again.
	copies bool

	open    bool
	table   table
	objects map[any]*object
	changes uint64   // counts the changes to the table; the generation of what was changed last
	fresh   entry    // the entry that is being made
	idle    []waiter // not in use, at most maxIdle

	wakeup    bool   // a Wakeup that no wait was there for
	wakes     uint64 // counts the Wakeups that waits were there for
	waits     int    // waits that are under way, and whose look has found nothing
	blocked   int    // those of them that are in the kernel, or on the way there or back
	signalled bool   // wake was called, drain not yet
}

// maxIdle bounds what is kept of many concurrent waits: their buffers are as
// large as what was ready once.
const maxIdle = 8

func (s *core) init(b backend, r resources, copies bool) {
	s.backend = b
	s.resources = r
	s.copies = copies
	s.view = &Map{s}
	s.settled.L = &s.mu
	s.now = monotonic
	s.open = true
	s.cleanup = runtime.AddCleanup(s, func(r resources) { r.release() }, r)
}

// release is called once, when the selector is closed and no wait is blocked.
func (s *core) release() {
	s.cleanup.Stop()
	s.resources.release()
}

// Register implements [Selector].
func (s *core) Register(fileobj any, events EventMask, data any) (*SelectorKey, error) {
	fd, named, ferr := identify(fileobj)
	s.mu.Lock()
	fd, ferr = s.known(fileobj, named, fd, ferr)
	key, err := s.register(fileobj, named, fd, ferr, events, data)
	s.mu.Unlock()
	if err != nil {
		return nil, opError("Register", fileobj, fd, ferr, err)
	}
	return key, nil
}

func (s *core) register(fileobj any, named bool, fd int, ferr error, events EventMask, data any) (*SelectorKey, error) {
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
	if named {
		e.obj = s.name(fileobj, fd)
	}
	s.table.insert(fd, e)
	key := e.key
	*e = entry{}
	return key, nil
}

// Unregister implements [Selector].
func (s *core) Unregister(fileobj any) (*SelectorKey, error) {
	fd, named, ferr := identify(fileobj)
	s.mu.Lock()
	fd, ferr = s.known(fileobj, named, fd, ferr)
	e, err := s.lookup(fd, ferr)
	if err != nil {
		s.mu.Unlock()
		return nil, opError("Unregister", fileobj, fd, ferr, err)
	}
	key := e.key
	s.change()
	s.backend.remove(fd, e)
	s.forget(fd, e)
	s.mu.Unlock()
	return key, nil
}

// Modify implements [Selector].
func (s *core) Modify(fileobj any, events EventMask, data any) (*SelectorKey, error) {
	fd, named, ferr := identify(fileobj)
	s.mu.Lock()
	fd, ferr = s.known(fileobj, named, fd, ferr)
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
	if events != e.events {
		fresh := &s.fresh
		*fresh = *e
		fresh.gen, fresh.events = s.change(), events
		err := s.backend.modify(fd, e.events, fresh)
		if err == nil {
			*e = *fresh
		} else if err != errPriority && err != errHangup {
			s.forget(fd, e)
		}
		*fresh = entry{}
		if err != nil {
			return nil, err
		}
	}
	e.key = &SelectorKey{FileObj: e.key.FileObj, FD: fd, Events: events, Data: data}
	return e.key, nil
}

// GetKey implements [Selector].
func (s *core) GetKey(fileobj any) (*SelectorKey, error) {
	fd, named, ferr := identify(fileobj)
	s.mu.Lock()
	fd, ferr = s.known(fileobj, named, fd, ferr)
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
// the object was registered first of those that are left.
func (s *core) known(fileobj any, named bool, fd int, ferr error) (int, error) {
	if ferr != nil && named {
		if o := s.objects[fileobj]; o != nil {
			return o.fds[0], nil
		}
	}
	return fd, ferr
}

// name makes an object known by its identity.
func (s *core) name(fileobj any, fd int) *object {
	o := s.objects[fileobj]
	if o == nil {
		if s.objects == nil {
			s.objects = make(map[any]*object)
		}
		o = &object{fileobj: fileobj}
		s.objects[fileobj] = o
	}
	o.fds = append(o.fds, fd)
	return o
}

// lookup finds the entry of a descriptor.
func (s *core) lookup(fd int, ferr error) (*entry, error) {
	switch {
	case !s.open:
		return nil, ErrClosed
	case ferr != nil:
		return nil, ferr
	}
	// Where slotShift is not 0, neighbouring numbers share an entry. A socket's
	// is the first of them, whatever a caller wrote to the key.
	if e := s.table.find(fd); e != nil && (fd%(1<<slotShift) == 0 || e.key.FD == fd) {
		return e, nil
	}
	return nil, ErrNotRegistered
}

// forget takes an entry out of the table.
func (s *core) forget(fd int, e *entry) {
	if o := e.obj; o != nil {
		o.fds = slices.DeleteFunc(o.fds, func(n int) bool { return n == fd })
		if len(o.fds) == 0 {
			delete(s.objects, o.fileobj)
		}
	}
	s.table.remove(fd)
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
func (s *core) AppendReady(dst []Ready, timeout time.Duration) ([]Ready, error) {
	// What is ready at once is returned from here: each return after a system
	// call costs some nanoseconds, since the processor has forgotten where it
	// leads to. Epoll's look is flat for the same reason.
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
	c := &cancellation{done: ctx.Err() != nil}
	timeout, begin := Forever, time.Time{}
	for {
		s.mu.Lock()
		ready, err := s.wait("SelectContext", nil, timeout, c)
		switch err {
		case errUnwatched:
			c.stop = context.AfterFunc(ctx, func() {
				s.mu.Lock()
				c.done = true
				s.end()
				s.mu.Unlock()
			})
			timeout, begin = untilDeadline(ctx)
			continue
		case errCancelled:
			err = ctx.Err()
			if err == nil && timeout != Forever {
				// Its deadline is over by the system's clock alone.
				if time.Now().Equal(begin) {
					// So it is in a bubble's context for who has to wait for it.
					err = context.DeadlineExceeded
					break
				}
				timeout, begin = untilDeadline(ctx)
				continue
			}
		}
		if c.stop != nil {
			c.stop()
		}
		return ready, err
	}
}

// untilDeadline returns how long it is from now to a context's deadline, Forever
// if it has none, or has passed it and is about to know.
//
// The system counts it beside the context's own timer, since that one may be of a
// testing/synctest bubble, where it never fires beside a system call.
func untilDeadline(ctx context.Context) (left time.Duration, now time.Time) {
	now = time.Now()
	if deadline, ok := ctx.Deadline(); ok && deadline.After(now) {
		return deadline.Sub(now), now
	}
	return Forever, now
}

// A cancellation ends one wait when its context is done. A context's methods
// are somebody else's code: they are called between the steps of the wait.
type cancellation struct {
	done bool        // guarded by the core's mutex
	stop func() bool // nil if nobody watches the context yet
}

// What stands for the steps that a context's methods are needed for.
var (
	errUnwatched = errors.New("the context has to be watched") // then the wait begins anew
	errCancelled = errors.New("cancelled")                     // stands for the context's error
)

// wait is called with mu held, and releases it.
func (s *core) wait(call string, dst []Ready, timeout time.Duration, c *cancellation) ([]Ready, error) {
	if !s.open {
		s.mu.Unlock()
		return dst, waitError(call, ErrClosed)
	}
	if c != nil && c.done && c.stop == nil {
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
	switch {
	case err != nil:
	case s.wakeup:
		s.wakeup = false
	case c != nil && c.stop == nil:
		err = errUnwatched
	case timeout > 0:
		last := len(s.idle) - 1
		w := s.idle[last]
		s.idle = s.idle[:last]
		s.waits++
		ready, err = s.block(w, dst, timeout, c)
		s.waits--
		if len(s.idle) < maxIdle && s.open {
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
//
// What time is left is asked of the system's clock, and only after a wait that
// something else ended: time.Now stands still in a testing/synctest bubble.
func (s *core) block(w waiter, dst []Ready, timeout time.Duration, c *cancellation) ([]Ready, error) {
	var start, left time.Duration = 0, -1
	if timeout != Forever {
		start, left = s.now(), timeout
	}
	wakes := s.wakes
	for prepared := !s.signalled; ; prepared = false {
		// A wait that has to end looks once more.
		last := wakes != s.wakes || c != nil && c.done || left == 0
		if s.signalled && s.open && !last {
			s.settled.Wait()
			left = s.left(timeout, start)
			continue
		}
		var ready []Ready
		var err error
		switch {
		case !s.open:
			return nil, ErrClosed
		case last:
			ready, err = w.look(dst)
		case !prepared:
			ready, err = w.prepare(dst)
		}
		switch {
		case len(ready) > len(dst):
			return ready, nil
		case err != nil:
			return nil, s.failed(err, wakes)
		case wakes != s.wakes:
			return dst, nil
		case last && c != nil:
			return nil, errCancelled
		case last:
			return dst, nil
		}

		s.blocked++
		s.mu.Unlock()
		runtime.Gosched()
		limit := min(left, maxWait)
		over, err := w.wait(limit)
		s.mu.Lock()
		s.blocked--
		signalled := s.signalled
		if endsEarly && over && s.left(timeout, start) > 0 {
			over = false
		}
		if s.open && err == nil {
			ready, err = w.take(dst)
		}
		if signalled && s.blocked == 0 {
			s.signalled = false
			s.backend.drain()
			s.settled.Broadcast()
		}
		switch {
		case !s.open:
			if s.blocked == 0 {
				s.release()
			}
			return nil, ErrClosed
		case len(ready) > len(dst):
			return ready, nil
		case err != nil:
			return nil, s.failed(err, wakes)
		case over && limit == left && !signalled && c == nil:
			return dst, nil
		case over && limit == left:
			left = 0
		default:
			left = s.left(timeout, start)
		}
	}
}

// left returns how much is left of a timeout that began at start, -1 if it never
// ends.
func (s *core) left(timeout, start time.Duration) time.Duration {
	if timeout == Forever {
		return -1
	}
	return max(timeout-(s.now()-start), 0)
}

// failed returns the error of a wait. A Wakeup that it can't answer it leaves to
// the next one.
func (s *core) failed(err error, wakes uint64) error {
	if wakes != s.wakes {
		s.wakeup = true
	}
	return err
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
	if s.waits == 0 {
		s.wakeup = true
		return nil
	}
	s.wakes++
	return s.end()
}

// end makes every wait find out that it may have to end.
func (s *core) end() error {
	s.settled.Broadcast()
	return s.signal()
}

// signal makes every wait that is blocked now come out and look again.
func (s *core) signal() error {
	if s.blocked == 0 || s.signalled {
		return nil
	}
	err := s.backend.wake()
	s.signalled = err == nil // else the next signal tries again
	return err
}

// Close implements [Selector].
func (s *core) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return s.signal() // where it failed before
	}
	s.open = false
	s.table = table{}
	s.objects = nil
	s.idle = nil
	if s.blocked == 0 {
		s.release()
		return nil
	}
	return s.end()
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
	if err == errCancelled || err == errUnwatched {
		return err
	}
	return fmt.Errorf("selectors: %s: %w", call, err)
}

func eventsError(events EventMask) error {
	return fmt.Errorf("%w: %v", ErrInvalidEvents, events)
}
