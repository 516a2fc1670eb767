// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A backend is what a system call needs and nothing more: the core owns the
// table of registrations, timeouts, wake-up, closing and the rules of the
// contract. But for wait, the core calls each method with its mutex held, and
// none may block.
//
// At most one wait is in the kernel. What it needs there (the buffers that the
// kernel writes to) the backend has apart from what look needs, since others look
// meanwhile.
type backend interface {
	// add starts to watch fd for e.events. It may keep a word in e.pos; e.gen tells
	// this registration's events from earlier ones. Where it fails nothing is left in
	// the kernel.
	add(fd int, e *entry) error

	// modify changes what fd is watched for from old to e.events. The number
	// may name another file by now, or none. It returns errPriority or
	// errHangup with nothing changed in the kernel; after any other error fd is no
	// longer watched. The core puts e back.
	modify(fd int, old EventMask, e *entry) error

	// remove ends the watch, also of a number that names another file by
	// now, or none.
	remove(fd int, e *entry)

	// look appends to dst what is ready now. It may take a wake-up away from the
	// wait: the core wakes it again.
	look(dst []Ready) ([]Ready, error)

	// prepare brings what wait uses up to date with the registrations.
	prepare() error

	// wait blocks until something is ready, wake was called, the timeout is over
	// (none if negative; at most maxWait) or a signal arrived. It is over where the
	// system has counted the whole timeout and nothing came. The core's mutex is not
	// held: only what prepare prepared, and what never changes, may be touched.
	wait(timeout time.Duration) (over bool, err error)

	// take appends to dst what wait has found, without what is not registered
	// any more, or has been registered anew.
	take(dst []Ready) ([]Ready, error)

	// wake makes the wait that is in the kernel, or about to enter it, come out
	// soon. drain is called when it is out.
	wake() error
	drain()
}

// Resources are what the system has given to a selector. They refer to nothing that
// refers to it, and so can be given back when it is collected and nobody has closed it.
type resources interface {
	// release gives them back. No wait is in the kernel any more.
	release()
}

// maxWait bounds one wait in the kernel, so that a timeout fits into whatever it is
// counted in (an int of milliseconds, 32-bit seconds). The core goes on with the rest.
const maxWait = 24 * time.Hour

// ceil returns d in units, rounded up. Nothing else keeps a wait from ending early,
// since the system is believed that a timeout is over, but where it endsEarly.
func ceil(d, unit time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64((d-1)/unit) + 1
}

// The core is what all selectors share.
//
// Each wait first looks, with the mutex held and without blocking. One that finds
// nothing, and has time, goes on like this:
//
//	look -- nobody leads --> leads: prepare, in the kernel, take <--+
//	  |                        |                |                   |
//	  |                        | it has found   | nothing: it       |
//	  |                        | something      | counts again -----+
//	  |                        v
//	  |                      returns, and first hands the lead to one that sleeps
//	  |
//	  +-- somebody leads --> sleeps in Go, until it is handed the lead, or its end
//
//	its end: its time is over, its context is done, a Wakeup, Close.
//	Whoever ends so looks once more, and returns.
//
// Who holds the mutex knows that the leader is in the kernel, or on its way there
// or back, if inside is set, and that nobody else is. This is what the following
// rests on:
//
//   - Nobody waits for a wait to end: Register and the others need the mutex
//     alone. A change takes effect in the kernel at once, or by a signal.
//   - A signal takes the leader out of the kernel. Since inside is set before the
//     mutex is released, it can't fall between a look and the sleep.
//   - The leader sleeps until the nearest deadline of all that wait, or an earlier
//     one of somebody who has left. Who joins with a nearer one gives a signal. The
//     leader ends the waits whose time is over, so that nobody else needs a timer.
//   - One event wakes the leader. It wakes one more as it leaves, who finds the same if
//     nobody has read it yet.
//   - Close frees the resources, or the leader as it comes out: until then the
//     kernel's objects stay open, so that their numbers can't be reused under it.
//   - Nothing that may panic, sleep or call back (a file object's methods, a
//     context's) runs while the mutex is held or a wait is counted.
type core struct {
	mu        sync.Mutex
	backend   backend
	resources resources
	cleanup   runtime.Cleanup
	view      Map

	// copies: the wait works on its own copy of the registrations (poll, select), and a
	// change must make it come out. oneShot: the kernel itself lets a key rest which it
	// has told of (epoll), and the backend marks the entry.
	copies, oneShot bool

	tellsHangup func() bool // whether EventHangup can be had; nil if it can

	now func() time.Duration // monotonic, but in a test

	// All below is guarded by mu.

	open    bool
	table   table
	changes uint64 // counts the changes to the table, or to what a copy of it would have
	fresh   entry  // the entry that is being made

	wakeup    bool          // a Wakeup that no wait was there for
	leader    *wait         // nil if nobody waits
	sleepers  []*wait       // all others
	unused    []*wait       // for waits to come
	inside    bool          // the leader is in the kernel, or on the way there or back
	signalled bool          // wake was called, drain not yet; inside is set
	until     time.Duration // how long the leader sleeps: no wait's deadline is nearer
}

// A wait has looked and found nothing.
type wait struct {
	deadline time.Duration // by the core's clock; Forever if it has none
	end      reason        // goesOn, or why it has to end
	turn     sync.Cond     // it leads, or has to end
}

// A reason is why a wait ends with nothing ready. The later ones beat those before.
type reason uint8

const (
	goesOn reason = iota
	timeOver
	cancelled // its context is done
	woken
)

func (s *core) init(b backend, r resources) {
	s.backend = b
	s.resources = r
	s.view.s = s
	s.now = monotonic
	s.open = true
	s.cleanup = runtime.AddCleanup(s, func(r resources) { r.release() }, r)
}

// release is called once, when the selector is closed and nobody is in the kernel.
func (s *core) release() {
	s.cleanup.Stop()
	s.resources.release()
}

// enter resolves a file object and locks. The object has a name if it can be found by
// its identity.
func (s *core) enter(fileobj any) (fd int, named bool, err error) {
	fd, named, err = identify(fileobj)
	s.mu.Lock()
	if err != nil && named {
		fd, err = s.table.byIdentity(fileobj, err)
	}
	return fd, named, err
}

// leave unlocks, and names the call in its error.
func (s *core) leave(call string, fileobj any, fd int, ferr error, err *error) {
	s.mu.Unlock()
	if *err != nil {
		*err = opError(call, fileobj, fd, ferr, *err)
	}
}

// Register starts to watch a file object; see [Selector.Register].
func (s *core) Register(fileobj any, events EventMask, data any) (key *SelectorKey, err error) {
	fd, named, ferr := s.enter(fileobj)
	defer s.leave("Register", fileobj, fd, ferr, &err)
	switch {
	case !s.open:
		return nil, ErrClosed
	case !events.valid():
		return nil, eventsError(events)
	case ferr != nil:
		return nil, ferr
	case isKey(fileobj):
		return nil, errKey
	case s.table.find(fd) != nil:
		return nil, ErrRegistered
	case s.refusesHangup(events):
		return nil, errHangup
	}
	e := &s.fresh
	*e = entry{gen: s.change(), events: events}
	if err := s.backend.add(fd, e); err != nil {
		return nil, err
	}
	key = &SelectorKey{FileObj: fileobj, FD: fd, Events: events, Data: data}
	e.key = key
	if named {
		e.obj = s.table.name(fileobj, fd)
	}
	s.table.insert(fd, e)
	*e = entry{}
	return key, nil
}

// Unregister ends the watch of a file object; see [Selector.Unregister].
func (s *core) Unregister(fileobj any) (key *SelectorKey, err error) {
	fd, _, ferr := s.enter(fileobj)
	defer s.leave("Unregister", fileobj, fd, ferr, &err)
	e, err := s.lookup(fileobj, fd, ferr)
	if err != nil {
		return nil, err
	}
	key = e.key
	s.change()
	if !e.rests() || s.oneShot {
		s.backend.remove(fd, e)
	}
	s.table.remove(fd)
	return key, nil
}

// Modify changes what a file object is watched for, and its data; see
// [Selector.Modify].
func (s *core) Modify(fileobj any, events EventMask, data any) (key *SelectorKey, err error) {
	fd, _, ferr := s.enter(fileobj)
	defer s.leave("Modify", fileobj, fd, ferr, &err)
	if s.open && !events.valid() {
		return nil, eventsError(events)
	}
	e, err := s.lookup(fileobj, fd, ferr)
	if err != nil {
		return nil, err
	}
	if s.refusesHangup(events) {
		return nil, errHangup
	}
	if events != e.events || events&EventOnce != 0 {
		old := *e
		e.gen, e.events = s.change(), events
		if old.rests() && !s.oneShot {
			err = s.backend.add(fd, e)
		} else {
			err = s.backend.modify(fd, old.events, e)
		}
		if err != nil {
			*e = old
			if err != errPriority && err != errHangup {
				s.table.remove(fd)
			}
			return nil, err
		}
		s.table.countOnce(old.events, events)
	}
	e.key = &SelectorKey{FileObj: e.key.FileObj, FD: fd, Events: events, Data: data}
	return e.key, nil
}

// refusesHangup reports whether EventHangup is asked for, and can't be told from data.
func (s *core) refusesHangup(events EventMask) bool {
	return events&EventHangup != 0 && s.tellsHangup != nil && !s.tellsHangup()
}

// GetKey returns the key of a registered file object; see [Selector.GetKey].
func (s *core) GetKey(fileobj any) (key *SelectorKey, err error) {
	fd, _, ferr := s.enter(fileobj)
	defer s.leave("GetKey", fileobj, fd, ferr, &err)
	e, err := s.lookup(fileobj, fd, ferr)
	if err != nil {
		return nil, err
	}
	return e.key, nil
}

// lookup finds the entry of a descriptor, or of a key that is still its registration's.
func (s *core) lookup(fileobj any, fd int, ferr error) (*entry, error) {
	switch {
	case !s.open:
		return nil, ErrClosed
	case ferr != nil:
		return nil, ferr
	}
	e := s.table.find(fd)
	switch {
	case e == nil, isKey(fileobj) && e.key != fileobj:
		return nil, ErrNotRegistered
	case fd%(1<<slotShift) != 0 && e.key.FD != fd:
		// Where slotShift is not 0, neighbouring numbers share an entry. A socket's
		// is the first of them, whatever a caller wrote to the key.
		return nil, ErrNotRegistered
	}
	return e, nil
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

// AppendReady is Select into the caller's slice; see [Selector.AppendReady].
func (s *core) AppendReady(dst []Ready, timeout time.Duration) ([]Ready, error) {
	return s.await("AppendReady", dst, timeout, nil)
}

// Select waits until something is ready or a timeout is over; see
// [Selector.Select].
func (s *core) Select(timeout time.Duration) ([]Ready, error) {
	return s.await("Select", nil, timeout, nil)
}

// SelectContext waits until something is ready or a context is done; see
// [Selector.SelectContext].
func (s *core) SelectContext(ctx context.Context) ([]Ready, error) {
	if ctx == nil {
		panic("selectors: SelectContext with a nil context")
	}
	c := &cancellation{done: ctx.Err() != nil}
	ready, err := s.await("SelectContext", nil, Forever, c)
	if err == errUnwatched {
		// However this ends, nothing that the context may keep leads to the selector.
		c.core.Store(s)
		defer c.core.Store(nil)
		defer context.AfterFunc(ctx, c.cancel)()
		ready, err = s.await("SelectContext", nil, Forever, c)
	}
	if err == errCancelled {
		err = ctx.Err()
	}
	return ready, err
}

// A cancellation ends one wait when its context is done. A context's methods, which are
// somebody else's code, are called between the steps of the wait.
type cancellation struct {
	core atomic.Pointer[core] // nil if nobody watches the context

	// Guarded by the core's mutex.
	done bool  // the context is done
	wait *wait // nil before it blocks, and after
}

func (c *cancellation) watched() bool { return c.core.Load() != nil }

func (c *cancellation) cancel() {
	s := c.core.Load()
	if s == nil {
		return
	}
	s.mu.Lock()
	c.done = true
	if c.wait != nil {
		s.end(c.wait, cancelled)
	}
	s.mu.Unlock()
}

// What stands for the steps that a context's methods are needed for.
var (
	errUnwatched = errors.New("the context has to be watched") // then the wait begins anew
	errCancelled = errors.New("cancelled")                     // stands for the context's error
)

// await looks, and waits if there is nothing.
func (s *core) await(call string, dst []Ready, timeout time.Duration, c *cancellation) (ready []Ready, err error) {
	s.mu.Lock()
	switch {
	case !s.open:
		err = ErrClosed
	case c != nil && c.done && !c.watched():
		err = errCancelled
	default:
		ready, err = s.backend.look(dst)
		if s.signalled || s.table.once > 0 {
			s.settle(ready[len(dst):])
		}
		if len(ready) > len(dst) {
			s.wakeup = false
			s.mu.Unlock()
			return ready, nil
		}
	}
	switch {
	case err != nil:
	case s.wakeup:
		s.wakeup = false
	case c != nil && !c.watched():
		err = errUnwatched
	case c != nil && c.done:
		err = errCancelled
	case timeout > 0:
		ready, err = s.block(dst, timeout, c)
	}
	s.mu.Unlock()
	if err != nil || len(ready) == len(dst) {
		return dst, waitError(call, err) // a backend may have made a new array in vain
	}
	return ready, nil
}

// settle is called with what is told of. A look may have taken the wake-up away. Keys
// with EventOnce rest from here on: their descriptors are left out until Modify. If the
// kernel does so itself, the backend has marked them.
func (s *core) settle(told []Ready) {
	if s.signalled {
		s.signalled = false
		s.signal()
	}
	if s.table.once == 0 || s.oneShot {
		return
	}
	for _, r := range told {
		if e := s.table.find(r.Key.FD); e != nil && e.key == r.Key && e.events&EventOnce != 0 {
			s.change()
			s.backend.remove(r.Key.FD, e)
			e.events = EventOnce
		}
	}
}

// peek is the look of a wait that has to end.
func (s *core) peek(dst []Ready) ([]Ready, error) {
	ready, err := s.backend.look(dst)
	s.settle(ready[len(dst):])
	return ready, err
}

// block leads, or sleeps until it does or has to end. It is called and returns with
// mu held.
func (s *core) block(dst []Ready, timeout time.Duration, c *cancellation) (ready []Ready, err error) {
	w := s.newWait()
	var now time.Duration
	if timeout != Forever {
		now = s.now()
		if now < Forever-timeout {
			w.deadline = now + timeout
		}
	}
	if s.leader == nil {
		s.leader, s.until = w, w.deadline
	} else {
		s.sleepers = append(s.sleepers, w)
		if w.deadline < s.until {
			s.until = w.deadline
			s.signal()
		}
	}
	if c != nil {
		c.wait = w
	}
	for s.open && s.leader != w && w.end == goesOn {
		w.turn.Wait()
		now = s.now()
	}
	switch {
	case !s.open:
		err = ErrClosed
	case s.leader == w:
		ready, err = s.lead(w, now, dst)
	default:
		ready, err = s.peek(dst)
	}
	if s.leader == w {
		s.leader = nil
		if last := len(s.sleepers) - 1; last >= 0 {
			s.leader = s.sleepers[last]
			s.sleepers = slices.Delete(s.sleepers, last, last+1)
			s.leader.turn.Signal()
		}
	}
	if c != nil {
		c.wait = nil
	}
	end := w.end
	s.unused = append(s.unused, w)
	switch {
	case len(ready) > len(dst):
		return ready, nil
	case err != nil:
		s.wakeup = s.wakeup || end == woken // it leaves the Wakeup to the next one
	case end == cancelled:
		err = errCancelled
	}
	return dst, err
}

// newWait returns one without a deadline.
func (s *core) newWait() *wait {
	if last := len(s.unused) - 1; last >= 0 {
		w := s.unused[last]
		s.unused = s.unused[:last]
		w.deadline, w.end = Forever, goesOn
		return w
	}
	w := &wait{deadline: Forever}
	w.turn.L = &s.mu
	return w
}

// lead waits in the kernel for all. It is called and returns with mu held.
//
// A blocked system call keeps its P, the right to run Go code, until the
// runtime's monitor takes it away, which can be milliseconds later. At
// GOMAXPROCS=1 nobody else would run meanwhile, so lead lets all others run
// first. The runtime's own poller would free the P at once, but costs more for each
// round trip, waits to the millisecond, and can watch neither kqueue nor /dev/poll.
//
// What time it is, is not asked after a wait that its timeout ended: time.Now stands
// still in a testing/synctest bubble.
func (s *core) lead(w *wait, now time.Duration, dst []Ready) ([]Ready, error) {
	for {
		if now >= s.until {
			s.expire(now)
		}
		if w.end != goesOn {
			return s.peek(dst)
		}
		if err := s.backend.prepare(); err != nil {
			return dst, err
		}
		limit := time.Duration(-1)
		if s.until != Forever {
			limit = min(s.until-now, maxWait)
		}
		s.inside = true
		s.mu.Unlock()
		runtime.Gosched()
		over, err := s.backend.wait(limit)
		s.mu.Lock()
		s.inside = false
		ready := dst
		if s.open && err == nil {
			ready, err = s.backend.take(dst)
		}
		signalled := s.signalled
		if signalled {
			s.signalled = false
			s.backend.drain()
		}
		if !s.open {
			s.release()
			return dst, ErrClosed
		}
		if len(ready) > len(dst) {
			s.settle(ready[len(dst):])
			return ready, nil
		}
		if err != nil {
			return dst, err
		}
		if over && !endsEarly {
			now += limit
		} else if s.until != Forever {
			now = s.now()
		}
		if over && !signalled && now >= w.deadline {
			s.expire(now) // the others as well, whose clock may stand still
			return dst, nil
		}
	}
}

// expire ends the waits whose time is over, and finds the nearest other deadline.
func (s *core) expire(now time.Duration) {
	s.until = Forever
	over := func(w *wait) bool {
		if w.deadline > now {
			s.until = min(s.until, w.deadline)
			return false
		}
		w.end = max(w.end, timeOver)
		w.turn.Signal()
		return true
	}
	over(s.leader)
	s.sleepers = slices.DeleteFunc(s.sleepers, over)
}

// Wakeup ends all waits that are blocked now; see [Selector.Wakeup].
func (s *core) Wakeup() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.open:
		return waitError("Wakeup", ErrClosed)
	case s.leader == nil:
		s.wakeup = true
		return nil
	}
	s.leader.end = woken
	s.dismiss()
	return waitError("Wakeup", s.signal())
}

// dismiss lets all that sleep find out that they have to end.
func (s *core) dismiss() {
	for _, w := range s.sleepers {
		w.end = woken // unless the selector is closed
		w.turn.Signal()
	}
	clear(s.sleepers)
	s.sleepers = s.sleepers[:0]
}

// end lets one wait find out that it has to end.
func (s *core) end(w *wait, why reason) {
	w.end = max(w.end, why)
	if w == s.leader {
		s.signal()
	} else if i := slices.Index(s.sleepers, w); i >= 0 {
		s.sleepers = slices.Delete(s.sleepers, i, i+1)
		w.turn.Signal()
	}
}

// signal makes the leader come out of the kernel and count again.
func (s *core) signal() error {
	if !s.inside || s.signalled {
		return nil
	}
	err := s.backend.wake()
	s.signalled = err == nil // else the next signal tries again
	return err
}

// Close ends all waits and gives back what the selector holds; see
// [Selector.Close].
func (s *core) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return s.signal() // where it failed before
	}
	s.open = false
	s.table = table{}
	s.dismiss()
	if s.inside {
		return s.signal()
	}
	s.release()
	return nil
}
