// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build go1.25

package selectors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// These tests hold the comment on core against a backend without a kernel,
// whose waits stand still at two gates: on the way in, when the core has counted
// them as blocked, and on the way out, when the kernel has decided and the core
// doesn't know it yet. A test opens them in any order.

// A fake is such a backend. It also checks what the core promises a backend.
type fake struct {
	t    *testing.T
	core *core

	// copies and forgets are the two ways in which kernels differ: whether a
	// wait works on what was registered when it looked, and whether an event
	// is forgotten as soon as a wait has it.
	copies, forgets bool

	mu       sync.Mutex
	interest map[int]entry
	ready    map[int]EventMask
	up       bool          // wake was called, drain not yet
	changed  chan struct{} // closed when anything above changes
	held     []*fakeWaiter // at a gate
	asleep   map[*fakeWaiter]bool
	owed     map[*fakeWaiter]bool // were in wait when wake was called
	taken    int                  // events that were forgotten
	released int
}

type fakeWaiter struct {
	k        *fake
	interest map[int]entry
	found    map[int]entry // with the events that were found
	gate     chan struct{}
}

func (k *fake) change() {
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *fake) use(what string) {
	if k.released > 0 {
		k.t.Errorf("%s after release", what)
	}
}

func (k *fake) add(fd int, e *entry) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("add")
	k.interest[fd] = *e
	k.change()
	return nil
}

func (k *fake) modify(fd int, _ EventMask, e *entry) error { return k.add(fd, e) }

func (k *fake) remove(fd int, _ *entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("remove")
	delete(k.interest, fd)
	k.change()
}

func (k *fake) newWaiter() waiter { return &fakeWaiter{k: k} }

func (k *fake) wake() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("wake")
	if k.up {
		k.t.Error("wake twice without a drain")
	}
	k.up = true
	for w := range k.asleep {
		k.owed[w] = true
	}
	k.change()
	return nil
}

func (k *fake) drain() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("drain")
	if len(k.owed) > 0 {
		k.t.Errorf("drain while %d waits haven't seen the wake-up", len(k.owed))
	}
	k.up = false
	k.change()
}

func (k *fake) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("release")
	if len(k.asleep) > 0 {
		k.t.Errorf("release with %d waits inside", len(k.asleep))
	}
	k.released++
}

// scan finds what is ready among the registrations.
func (k *fake) scan(interest map[int]entry) map[int]entry {
	found := make(map[int]entry)
	for fd, e := range interest {
		if mask := e.events & k.ready[fd]; mask != 0 {
			e.events = mask
			found[fd] = e
			if k.forgets {
				k.taken++
				delete(k.ready, fd)
			}
		}
	}
	return found
}

func (w *fakeWaiter) look(dst []Ready) ([]Ready, error) {
	w.prepare(dst)
	w.k.mu.Lock()
	w.found = w.k.scan(w.interest)
	w.k.mu.Unlock()
	return w.take(dst)
}

func (w *fakeWaiter) prepare(dst []Ready) ([]Ready, error) {
	w.k.mu.Lock()
	w.k.use("look or prepare")
	w.interest = make(map[int]entry)
	for fd, e := range w.k.interest {
		w.interest[fd] = e
	}
	w.k.mu.Unlock()
	return dst, nil
}

// atGates returns how many waits stand at gates.
func (k *fake) atGates() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.held)
}

// stop waits at a gate.
func (w *fakeWaiter) stop() {
	w.k.mu.Lock()
	w.gate = make(chan struct{})
	w.k.held = append(w.k.held, w)
	w.k.mu.Unlock()
	<-w.gate
}

func (w *fakeWaiter) wait(timeout time.Duration) (over bool, err error) {
	k := w.k
	k.mu.Lock()
	k.asleep[w] = true
	k.mu.Unlock()
	w.stop()
	var timer <-chan time.Time
	if timeout >= 0 {
		timer = time.After(timeout)
	}
	for {
		k.mu.Lock()
		k.use("wait")
		interest := w.interest
		if !k.copies {
			interest = k.interest
		}
		w.found = k.scan(interest)
		changed, out := k.changed, k.up || over || len(w.found) > 0
		k.mu.Unlock()
		if out {
			break
		}
		select {
		case <-changed:
		case <-timer:
			over = true
		}
	}
	w.stop()
	k.mu.Lock()
	delete(k.asleep, w)
	delete(k.owed, w)
	k.mu.Unlock()
	return over && len(w.found) == 0, nil
}

func (w *fakeWaiter) take(dst []Ready) ([]Ready, error) {
	for fd, found := range w.found {
		if e := w.k.core.table.find(fd); e != nil && e.gen == found.gen {
			dst = append(dst, Ready{e.key, found.events})
		}
	}
	w.found = nil
	return dst, nil
}

// A play is one run of the core with the fake.
type play struct {
	t      *testing.T
	s      *core
	k      *fake
	waits  []*fakeWait
	token  bool // a Wakeup that no wait was there for
	wakes  int
	closed bool
	trace  []string
}

// A fakeWait is one call of Select or SelectContext.
type fakeWait struct {
	ctx     context.Context
	cancel  context.CancelFunc
	timeout time.Duration
	start   time.Time
	took    time.Duration
	woken   int  // the Wakeups before it
	wakeup  bool // one of those was for it
	done    bool
	ready   []Ready
	err     error
}

func newPlay(t *testing.T, copies, forgets bool) *play {
	k := &fake{
		t: t, core: new(core), copies: copies, forgets: forgets,
		interest: make(map[int]entry), ready: make(map[int]EventMask), changed: make(chan struct{}),
		asleep: make(map[*fakeWaiter]bool), owed: make(map[*fakeWaiter]bool),
	}
	k.core.init(k, k, copies)
	// The fake's kernel counts by the clock of the bubble.
	began := time.Now()
	k.core.now = func() time.Duration { return time.Since(began) }
	return &play{t: t, s: k.core, k: k}
}

// eachPlay runs a play with each sort of kernel, in a bubble whose time stands
// still as long as anybody can go on.
func eachPlay(t *testing.T, f func(p *play)) {
	for _, copies := range []bool{false, true} {
		for _, forgets := range []bool{false, true} {
			t.Run(fmt.Sprintf("copies=%v,forgets=%v", copies, forgets), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPlay(t, copies, forgets)
					f(p)
					p.close()
					p.settle()
				})
			})
		}
	}
}

func (p *play) note(format string, args ...any) {
	p.trace = append(p.trace, fmt.Sprintf(format, args...))
}

func (p *play) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Errorf(format+"\nafter %s", append(args, strings.Join(p.trace, "; "))...)
}

// begin starts a wait, which stops at its first gate unless there is a reason
// not to block.
func (p *play) begin(timeout time.Duration, withContext bool) *fakeWait {
	w := &fakeWait{timeout: timeout, start: time.Now(), woken: p.wakes, wakeup: p.token}
	p.note("wait %d for %v", len(p.waits), timeout)
	p.token = false
	p.waits = append(p.waits, w)
	if withContext {
		w.timeout = Forever
		w.ctx, w.cancel = context.WithCancel(context.Background())
	}
	go func() {
		if withContext {
			w.ready, w.err = p.s.SelectContext(w.ctx)
		} else {
			w.ready, w.err = p.s.Select(w.timeout)
		}
		w.took = time.Since(w.start)
		w.done = true
	}()
	synctest.Wait()
	if w.wakeup && !w.done {
		p.fail("a wait doesn't take the Wakeup from before it")
	}
	return w
}

// open lets the i-th wait that stands at a gate go on.
func (p *play) open(i int) {
	p.k.mu.Lock()
	w := p.k.held[i]
	p.k.held = append(p.k.held[:i:i], p.k.held[i+1:]...)
	p.k.mu.Unlock()
	p.note("open %d of %d", i, p.k.atGates()+1)
	close(w.gate)
	synctest.Wait()
}

func (p *play) register(fd int, events EventMask) {
	p.note("register %d %v", fd, events)
	if _, err := p.s.Register(fd, events, nil); err != nil {
		p.fail("Register: %v", err)
	}
	synctest.Wait()
}

func (p *play) unregister(fd int) {
	p.note("unregister %d", fd)
	if _, err := p.s.Unregister(fd); err != nil {
		p.fail("Unregister: %v", err)
	}
	synctest.Wait()
}

func (p *play) modify(fd int, events EventMask) {
	p.note("modify %d %v", fd, events)
	if _, err := p.s.Modify(fd, events, nil); err != nil {
		p.fail("Modify: %v", err)
	}
	synctest.Wait()
}

func (p *play) set(fd int, events EventMask) {
	p.note("set %d %v", fd, events)
	p.k.mu.Lock()
	p.k.ready[fd] = events
	p.k.change()
	p.k.mu.Unlock()
	synctest.Wait()
}

func (p *play) wakeup() {
	p.note("wakeup")
	p.wakes++
	p.token = true
	for _, w := range p.waits {
		if !w.done {
			p.token = false
		}
	}
	if err := p.s.Wakeup(); err != nil {
		p.fail("Wakeup: %v", err)
	}
	synctest.Wait()
}

func (p *play) cancel(w *fakeWait) {
	p.note("cancel")
	w.cancel()
	synctest.Wait()
}

func (p *play) sleep(d time.Duration) {
	p.note("sleep %v", d)
	time.Sleep(d)
	synctest.Wait()
}

func (p *play) close() {
	p.note("close")
	if err := p.s.Close(); err != nil {
		p.fail("Close: %v", err)
	}
	p.closed = true
	synctest.Wait()
}

// settle opens all gates until everybody sleeps, and checks that those who do
// have a reason to, and those who came out had one.
func (p *play) settle() {
	p.t.Helper()
	for n := 0; ; n++ {
		p.k.mu.Lock()
		gates, up := len(p.k.held), p.k.up
		p.k.mu.Unlock()
		if gates > 0 {
			p.open(0)
		} else if p.late() {
			p.sleep(10 * time.Millisecond) // a kernel counts from when it was entered
		} else {
			if up {
				p.fail("all sleep, and a wake-up is still there")
			}
			break
		}
		if n > 10000 {
			p.fail("the waits go round and round")
			return
		}
	}
	ready := false
	for fd, e := range p.k.interest {
		ready = ready || e.events&p.k.ready[fd] != 0
	}
	reports, blocked := 0, 0
	for i, w := range p.waits {
		reports += len(w.ready)
		switch {
		case !w.done:
			blocked++
			if p.closed {
				p.fail("Close doesn't end wait %d", i)
			}
			if ready {
				p.fail("wait %d sleeps beside a ready descriptor", i)
			}
			if w.ctx != nil && w.ctx.Err() != nil {
				p.fail("wait %d sleeps on after its context", i)
			}
			if p.wakes > w.woken {
				p.fail("wait %d sleeps through a Wakeup", i)
			}
		case w.err == nil && len(w.ready) == 0:
			if w.took < w.timeout && p.wakes == w.woken && !w.wakeup {
				p.fail("wait %d ended for nothing", i)
			}
		case w.err != nil && errors.Is(w.err, ErrClosed):
			if !p.closed {
				p.fail("wait %d: %v", i, w.err)
			}
		case w.err != nil:
			if w.ctx == nil || w.err != w.ctx.Err() {
				p.fail("wait %d: %v", i, w.err)
			}
		}
	}
	if p.k.forgets && !p.closed && reports != p.k.taken {
		p.fail("%d events left the kernel, %d were reported", p.k.taken, reports)
	}
	if p.s.blocked != blocked || p.s.waits != blocked || p.s.signalled {
		p.fail("%d waits, blocked=%d, waits=%d, signalled=%v", blocked, p.s.blocked, p.s.waits, p.s.signalled)
	}
	if p.closed && p.k.released != 1 {
		p.fail("released %d times", p.k.released)
	}
}

// late reports whether a wait sleeps whose time is over.
func (p *play) late() bool {
	for _, w := range p.waits {
		if !w.done && w.timeout != Forever && time.Since(w.start) >= w.timeout {
			return true
		}
	}
	return false
}

// sleepers starts n waits and lets them in.
func (p *play) sleepers(n int) (waits []*fakeWait) {
	for range n {
		waits = append(waits, p.begin(Forever, false))
		p.open(0)
	}
	return waits
}

func (p *play) ended(w *fakeWait, ready int, err error) {
	p.t.Helper()
	if !w.done || len(w.ready) != ready || w.err != err {
		p.fail("a wait is at done=%v, %v, %v; want %d ready and error %v", w.done, w.ready, w.err, ready, err)
	}
}

func (p *play) asleep(w *fakeWait) {
	p.t.Helper()
	if w.done {
		p.fail("a wait has ended: %v, %v", w.ready, w.err)
	}
}
