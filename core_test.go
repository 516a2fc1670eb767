// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
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

func TestWakeupReachesAWaitOnItsWayIn(t *testing.T) {
	eachPlay(t, func(p *play) {
		w := p.begin(Forever, false)
		p.wakeup()
		p.settle()
		p.ended(w, 0, nil)
	})
}

func TestWakeupReachesAWaitThatComesOutForAnotherReason(t *testing.T) {
	eachPlay(t, func(p *play) {
		w := p.begin(time.Second, false)
		p.open(0)
		p.sleep(time.Second) // it is at the second gate
		p.wakeup()
		next := p.begin(Forever, false)
		p.settle()
		p.ended(w, 0, nil)
		p.asleep(next)
	})
}

func TestWakeupIsNotEatenByALaterWait(t *testing.T) {
	eachPlay(t, func(p *play) {
		old := p.sleepers(2)
		p.wakeup()
		late := p.begin(Forever, false)
		// The late one would come out at once, and go round. It waits instead.
		if n := p.k.atGates(); n != 2 {
			p.fail("%d waits at gates, want the two that the Wakeup is for", n)
		}
		p.settle()
		p.ended(old[0], 0, nil)
		p.ended(old[1], 0, nil)
		p.asleep(late)
	})
}

func TestASecondSignalReachesWhoAnsweredTheFirst(t *testing.T) {
	eachPlay(t, func(p *play) {
		old := p.sleepers(1)
		c := p.begin(Forever, true)
		p.open(0)
		p.cancel(c) // a signal: both are at the second gate
		p.open(0)   // the old one comes out, finds nothing, and waits for the other one
		p.wakeup()
		p.settle()
		p.ended(old[0], 0, nil)
	})
}

func TestCancellationDoesNotSwallowAReadyDescriptor(t *testing.T) {
	eachPlay(t, func(p *play) {
		p.register(3, EventRead)
		w := p.begin(Forever, true)
		p.open(0)
		p.set(3, EventRead) // it has the event, and is at the second gate
		p.cancel(w)
		p.settle()
		p.ended(w, 1, nil)
	})
	eachPlay(t, func(p *play) {
		p.register(3, EventRead)
		w := p.begin(Forever, true)
		p.open(0)
		p.cancel(w) // it has nothing, and is at the second gate
		p.set(3, EventRead)
		p.settle()
		p.ended(w, 1, nil)
	})
	eachPlay(t, func(p *play) {
		p.register(3, EventRead)
		w := p.begin(Forever, true)
		other := p.sleepers(1)
		p.set(3, EventRead)
		p.cancel(w)
		p.settle()
		if len(w.ready)+len(other[0].ready) == 0 {
			p.fail("nobody reports what is ready")
		}
	})
}

func TestCancellationEndsItsOwnWaitAlone(t *testing.T) {
	eachPlay(t, func(p *play) {
		w := p.begin(Forever, true)
		other := p.begin(Forever, true)
		p.cancel(w) // both are on the way in
		p.settle()
		p.ended(w, 0, context.Canceled)
		p.asleep(other)
		p.cancel(other)
		p.settle()
		p.ended(other, 0, context.Canceled)
	})
}

func TestAWakeupBeatsACancellation(t *testing.T) {
	eachPlay(t, func(p *play) {
		w := p.begin(Forever, true)
		p.open(0)
		p.cancel(w)
		p.wakeup()
		p.settle()
		p.ended(w, 0, nil) // else the Wakeup would have ended nobody
	})
}

func TestDeadlineAsAnEventArrives(t *testing.T) {
	eachPlay(t, func(p *play) {
		p.register(3, EventRead)
		w := p.begin(time.Second, false)
		p.open(0)
		p.set(3, EventRead) // it has the event, and stays at the gate past its time
		p.sleep(2 * time.Second)
		p.settle()
		p.ended(w, 1, nil)
	})
	eachPlay(t, func(p *play) {
		p.register(3, EventRead)
		w := p.begin(time.Second, false)
		p.open(0)
		p.sleep(time.Second) // its time is over, and it is at the gate with nothing
		p.set(3, EventRead)
		p.settle()
		if !w.done || w.err != nil {
			p.fail("%v, %v", w.done, w.err)
		}
		if next := p.begin(0, false); len(w.ready)+len(next.ready) == 0 {
			p.fail("the event is lost")
		}
	})
}

func TestRegistrationReachesABlockedWait(t *testing.T) {
	for _, gates := range []int{0, 1} {
		eachPlay(t, func(p *play) {
			p.set(3, EventRead)
			w := p.begin(Forever, false)
			for range gates {
				p.open(0)
			}
			p.register(3, EventRead)
			p.settle()
			p.ended(w, 1, nil)
		})
		eachPlay(t, func(p *play) {
			p.set(3, EventRead)
			p.register(3, EventWrite)
			w := p.begin(Forever, false)
			for range gates {
				p.open(0)
			}
			p.modify(3, EventRead)
			p.settle()
			p.ended(w, 1, nil)
		})
	}
}

func TestNoEventOfAnEarlierRegistrationIsReported(t *testing.T) {
	eachPlay(t, func(p *play) {
		p.register(3, EventRead|EventWrite)
		w := p.begin(Forever, false)
		p.open(0)
		p.set(3, EventRead) // found, and at the second gate
		taken := p.k.taken
		p.unregister(3)
		p.set(3, 0)
		p.register(3, EventRead)
		p.k.taken -= taken // dropped for a reason
		p.settle()
		p.asleep(w)
	})
}

func TestCloseAgainstEverything(t *testing.T) {
	against := map[string]func(p *play, w *fakeWait){
		"Nothing":    func(*play, *fakeWait) {},
		"Wakeup":     func(p *play, _ *fakeWait) { p.wakeup() },
		"Cancel":     func(p *play, w *fakeWait) { p.cancel(w) },
		"Register":   func(p *play, _ *fakeWait) { p.register(4, EventRead) },
		"Unregister": func(p *play, _ *fakeWait) { p.unregister(3) },
		"Event":      func(p *play, _ *fakeWait) { p.set(3, EventRead) },
	}
	for name, act := range against {
		t.Run(name, func(t *testing.T) {
			for when := range 4 { // before or after Close, on the way in or asleep
				eachPlay(t, func(p *play) {
					p.register(3, EventRead)
					w := p.begin(Forever, true)
					others := []*fakeWait{p.begin(Forever, false), p.begin(time.Hour, false)}
					if when&1 != 0 {
						p.open(0)
						p.open(0)
					}
					if when&2 != 0 {
						act(p, w)
						p.close()
					} else {
						p.close()
						if name == "Cancel" || name == "Event" {
							act(p, w)
						}
					}
					if p.k.released != 0 {
						p.fail("released before the waits have come out")
					}
					p.settle()
					for _, w := range append(others, w) {
						if !w.done || !errors.Is(w.err, ErrClosed) {
							p.fail("%v, %v, %v", w.done, w.ready, w.err)
						}
					}
				})
			}
		})
	}
}

// Random interleavings of everything, settled from time to time.
func TestProtocolByChance(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 100
	}
	for seed := range n {
		eachPlay(t, func(p *play) {
			random := rand.New(rand.NewPCG(uint64(seed), 9))
			registered := make(map[int]EventMask)
			for range 60 {
				if p.t.Failed() {
					return
				}
				fd := (1 + random.IntN(4)) << slotShift
				events := EventMask(1 + random.IntN(7))
				switch action := random.IntN(16); action {
				case 0, 1, 2:
					p.begin([]time.Duration{0, time.Millisecond, 5 * time.Millisecond, Forever}[random.IntN(4)], random.IntN(3) == 0)
				case 3, 4, 5, 6, 7:
					if n := p.k.atGates(); n > 0 {
						p.open(random.IntN(n))
					}
				case 8:
					p.wakeup()
				case 9:
					if n := len(p.waits); n > 0 {
						if w := p.waits[random.IntN(n)]; w.ctx != nil {
							p.cancel(w)
						}
					}
				case 10:
					if registered[fd] == 0 {
						p.register(fd, events)
						registered[fd] = events
					} else if !p.k.forgets { // a change of the key drops an event that was found
						p.modify(fd, events)
						registered[fd] = events
					}
				case 11:
					if registered[fd] != 0 && !p.k.forgets {
						p.unregister(fd)
						delete(registered, fd)
					}
				case 12, 13:
					p.set(fd, events&EventMask(random.IntN(8)))
				case 14:
					p.sleep(time.Duration(random.IntN(3)) * time.Millisecond)
				case 15:
					p.settle()
				}
			}
			if random.IntN(2) == 0 {
				p.settle()
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// nothing is a backend that takes everything and does nothing.
type nothing struct{}

func (nothing) add(int, *entry) error               { return nil }
func (nothing) modify(int, EventMask, *entry) error { return nil }
func (nothing) remove(int, *entry)                  {}
func (nothing) newWaiter() waiter                   { return nil }
func (nothing) wake() error                         { return nil }
func (nothing) drain()                              {}
func (nothing) release()                            {}

// The table holds a million registrations, the last as cheap as the first, and
// gives the memory back.
func TestAMillionRegistrations(t *testing.T) {
	const total, chunk, limit = 1_000_000, 100_000, 120
	s := new(core)
	s.init(nothing{}, nothing{}, false)
	empty := heap()
	for n := 0; n < total; n += chunk {
		before, start := heap(), time.Now()
		for i := n; i < n+chunk; i++ {
			if _, err := s.Register((i+1)<<slotShift, EventRead, nil); err != nil {
				t.Fatal(err)
			}
		}
		took := time.Since(start)
		bytes := float64(heap()-before) / chunk
		t.Logf("%7d registrations: %5.1f bytes and %4d ns each", n+chunk, bytes, took.Nanoseconds()/chunk)
		if bytes > limit {
			t.Errorf("from %d on %.1f bytes each, more than %d", n, bytes, limit)
		}
	}
	if n := s.GetMap().Len(); n != total {
		t.Errorf("%d keys", n)
	}
	for i := range total {
		fd := (i + 1) << slotShift
		if key, err := s.GetKey(fd); err != nil || key.FD != fd {
			t.Fatal(key, err)
		}
		if _, err := s.Unregister(fd); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := heap() - empty; left > 1<<20 {
		t.Errorf("%d bytes are left of a closed selector", left)
	}
	runtime.KeepAlive(s)
}

// heap returns how many bytes of the heap are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
