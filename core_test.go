// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build go1.25

package selectors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
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
		p.open()
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
		late := p.begin(Forever, false) // before the leader has come out
		p.settle()
		p.ended(old[0], 0, nil)
		p.ended(old[1], 0, nil)
		p.asleep(late)
	})
}

func TestASecondSignalReachesWhoAnsweredTheFirst(t *testing.T) {
	eachPlay(t, func(p *play) {
		old := p.sleepers(1)
		old = append(old, p.begin(time.Millisecond, false)) // a signal: the first is at the second gate
		p.open()                                            // it is on its way in again
		p.wakeup()
		p.settle()
		p.ended(old[0], 0, nil)
	})
}

func TestCancellationDoesNotSwallowAReadyDescriptor(t *testing.T) {
	eachPlay(t, func(p *play) {
		p.register(3, EventRead)
		w := p.begin(Forever, true)
		p.open()
		p.set(3, EventRead) // it has the event, and is at the second gate
		p.cancel(w)
		p.settle()
		p.ended(w, 1, nil)
	})
	eachPlay(t, func(p *play) {
		p.register(3, EventRead)
		w := p.begin(Forever, true)
		p.open()
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
		p.open()
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
		p.open()
		p.set(3, EventRead) // it has the event, and stays at the gate past its time
		p.sleep(2 * time.Second)
		p.settle()
		p.ended(w, 1, nil)
	})
	eachPlay(t, func(p *play) {
		p.register(3, EventRead)
		w := p.begin(time.Second, false)
		p.open()
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

func TestATimeoutEndsItsWaitBesideALongerOne(t *testing.T) {
	for _, longer := range []time.Duration{time.Hour, Forever} {
		eachPlay(t, func(p *play) {
			old := p.begin(longer, false)
			p.open() // it sleeps
			w := p.begin(time.Second, false)
			for range 3 { // out, and in again until then
				p.open()
			}
			p.sleep(time.Second)
			p.settle()
			p.ended(w, 0, nil)
			p.asleep(old)
		})
	}
}

func TestRegistrationReachesABlockedWait(t *testing.T) {
	for _, gates := range []int{0, 1} {
		eachPlay(t, func(p *play) {
			p.set(3, EventRead)
			w := p.begin(Forever, false)
			for range gates {
				p.open()
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
				p.open()
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
		p.open()
		p.set(3, EventRead) // found, and at the second gate
		p.unregister(3)
		p.set(3, 0)
		p.register(3, EventRead)
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
						p.open()
						p.open()
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
						if w.done && w.err == nil && name == "Wakeup" && when&2 != 0 {
							continue // it slept, and the Wakeup was first
						}
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
	// As many as there is time for: an emulated machine takes minutes for them all.
	budget := time.Duration(rounds(1, 4, 60)) * time.Second
	begin := time.Now()
	for seed := range rounds(100, 1000, 20_000) {
		if time.Since(begin) > budget {
			t.Logf("there was time for %d", seed)
			break
		}
		eachPlay(t, func(p *play) {
			random := rand.New(rand.NewPCG(uint64(seed), 9))
			registered := make(map[int]EventMask)
			for range 60 {
				if p.t.Failed() {
					return
				}
				fd := (1 + random.IntN(4)) << slotShift
				events := EventMask(1+random.IntN(7)) | EventOnce*EventMask(random.IntN(2))
				switch action := random.IntN(22); action {
				case 0, 1, 2:
					p.begin([]time.Duration{0, time.Millisecond, 5 * time.Millisecond, Forever}[random.IntN(4)], random.IntN(3) == 0)
				case 3, 4, 5, 6, 7:
					p.open()
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
				case 16, 17, 18, 19:
					p.failNext([]*int{&p.k.failLook, &p.k.failPrep, &p.k.failWait, &p.k.failTake}[action-16])
				case 20, 21:
					if registered[fd] != 0 && !p.k.forgets {
						p.modify(fd, registered[fd]) // arms it
					}
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

// A bubble's clock stands still as long as one of its goroutines is in a system
// call, and its timers with it, a context's among them.
func TestATimeoutEndsInABubble(t *testing.T) {
	const timeout = 10 * time.Millisecond
	waits := []struct {
		name string
		wait func(s Selector) ([]Ready, error)
	}{
		{"Select", func(s Selector) ([]Ready, error) { return s.Select(timeout) }},
		{"AppendReady", func(s Selector) ([]Ready, error) { return s.AppendReady(nil, timeout) }},
	}
	each(t, func(t *testing.T, s Selector) {
		quiet := writable(t)
		register(t, s, quiet, EventRead, nil)
		// What goes on in the bubble until over is closed.
		beside := []struct {
			name string
			run  func(over chan struct{})
		}{
			{"nothing", func(chan struct{}) {}},
			{"another wait", func(over chan struct{}) {
				ctx, cancel := context.WithCancel(context.Background())
				go func() {
					<-over
					cancel()
				}()
				s.SelectContext(ctx)
			}},
		}
		for _, tt := range waits {
			for _, bt := range beside {
				t.Run(tt.name+" beside "+bt.name, func(t *testing.T) {
					began := time.Now() // by the system's clock
					within(t, "a wait in a bubble", func() {
						synctest.Test(t, func(t *testing.T) {
							over := make(chan struct{})
							var wg sync.WaitGroup
							wg.Go(func() { bt.run(over) })
							ready, err := tt.wait(s)
							if len(ready) != 0 || err != nil {
								t.Errorf("a wait ended with %v, %v", format(ready), err)
							}
							close(over)
							wg.Wait()
						})
					})
					if took := time.Since(began); took < timeout {
						t.Errorf("a wait of %v took %v", timeout, took)
					}
				})
			}
		}
	})
}

// A fake is a backend without a kernel. It also checks what the core promises one.
type fake struct {
	t    *testing.T
	core *core

	// These are the ways in which kernels differ: whether a wait works on what was
	// registered when it was prepared, whether an event is forgotten as soon as
	// somebody has it, whether a look takes the wake-up away, and whether the kernel
	// itself lets a key rest.
	copies, forgets, takes, one bool

	// The next of each that fails, and how many have.
	failWait, failTake, failPrep, failLook, failed int

	mu       sync.Mutex
	interest map[int]entry
	ready    map[int]EventMask
	up       bool          // wake was called, and nobody has taken it
	owed     bool          // wake was called while a wait was inside, and that has not seen it
	changed  chan struct{} // closed when anything above changes
	gate     chan struct{} // where the wait stands, nil if it doesn't
	inside   bool          // a wait is in the kernel
	prepared map[int]entry
	found    map[int]entry // what the wait has found, with its events
	taken    int           // events that were forgotten
	released int
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
	if _, ok := k.interest[fd]; ok {
		k.t.Errorf("%d is added twice", fd)
	}
	k.interest[fd] = *e
	k.change()
	return nil
}

func (k *fake) modify(fd int, old EventMask, e *entry) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("modify")
	if k.interest[fd].events != old && !k.one {
		k.t.Errorf("%d is modified from %v, and has %v", fd, old, k.interest[fd].events)
	}
	k.interest[fd] = *e
	k.change()
	return nil
}

func (k *fake) remove(fd int, _ *entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("remove")
	if _, ok := k.interest[fd]; !ok {
		k.t.Errorf("%d is removed twice", fd)
	}
	delete(k.interest, fd)
	k.change()
}

func (k *fake) wake() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("wake")
	if !k.core.inside {
		k.t.Error("wake with nobody inside")
	}
	k.up, k.owed = true, true
	k.change()
	return nil
}

func (k *fake) drain() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("drain")
	if k.owed {
		k.t.Error("drain while the wait hasn't seen the wake-up")
	}
	if !k.takes {
		k.up = false
	}
	k.change()
}

func (k *fake) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("release")
	if k.inside {
		k.t.Error("release with a wait inside")
	}
	k.released++
}

// scan finds what is ready among the registrations.
func (k *fake) scan(interest map[int]entry) map[int]entry {
	found := make(map[int]entry)
	for fd, e := range maps.Clone(interest) {
		if mask := e.events & allEvents & k.ready[fd]; mask != 0 {
			if k.one && e.events&EventOnce != 0 {
				r := e
				r.events = 0
				k.interest[fd] = r
			}
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

func (k *fake) look(dst []Ready) ([]Ready, error) {
	k.mu.Lock()
	k.use("look")
	if k.takes {
		k.up = false
	}
	if k.failLook > 0 {
		k.failLook--
		k.failed++
		k.mu.Unlock()
		return dst, errInjected
	}
	found := k.scan(k.interest)
	k.mu.Unlock()
	return k.match(dst, found)
}

var errInjected = errors.New("injected")

func (k *fake) prepare() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use("prepare")
	if k.failPrep > 0 {
		k.failPrep--
		k.failed++
		return errInjected
	}
	k.prepared = maps.Clone(k.interest)
	return nil
}

// atGate reports whether a wait stands at a gate.
func (k *fake) atGate() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.gate != nil
}

// stop waits at a gate.
func (k *fake) stop() {
	gate := make(chan struct{})
	k.mu.Lock()
	k.gate = gate
	k.mu.Unlock()
	<-gate
}

func (k *fake) wait(timeout time.Duration) (over bool, err error) {
	k.mu.Lock()
	if k.inside {
		k.t.Error("two waits inside")
	}
	k.inside = true
	k.mu.Unlock()
	k.stop()
	var timer <-chan time.Time
	if timeout >= 0 {
		timer = time.After(timeout)
	}
	for {
		k.mu.Lock()
		k.use("wait")
		interest := k.prepared
		if !k.copies {
			interest = k.interest
		}
		k.found = k.scan(interest)
		changed, out := k.changed, k.up || over || len(k.found) > 0
		if out && k.takes {
			k.up = false
		}
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
	k.stop()
	k.mu.Lock()
	k.inside, k.owed = false, false
	if k.failWait > 0 && len(k.found) == 0 {
		k.failWait--
		k.failed++
		k.mu.Unlock()
		return false, errInjected
	}
	k.mu.Unlock()
	return over && len(k.found) == 0, nil
}

func (k *fake) take(dst []Ready) ([]Ready, error) {
	dst, _ = k.match(dst, k.found)
	if k.failTake > 0 {
		k.failTake--
		k.failed++
		return dst, errInjected
	}
	return dst, nil
}

func (k *fake) match(dst []Ready, found map[int]entry) ([]Ready, error) {
	for fd, f := range found {
		if e := k.core.table.find(fd); e != nil && e.gen == f.gen && !e.rests() {
			dst = append(dst, Ready{e.key, f.events & allEvents})
			if k.one && e.events&EventOnce != 0 {
				e.events = EventOnce
			}
		} else if k.forgets {
			k.mu.Lock()
			k.taken-- // dropped for a reason
			k.mu.Unlock()
		}
	}
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

func newPlay(t *testing.T, copies, forgets, takes, one bool) *play {
	k := &fake{
		t: t, core: new(core), copies: copies, forgets: forgets, takes: takes, one: one,
		interest: make(map[int]entry), ready: make(map[int]EventMask), changed: make(chan struct{}),
	}
	k.core.copies = copies
	k.core.oneShot = one
	k.core.init(k, k)
	// Where monotonic is not time.Now's clock, it doesn't know of the bubble's.
	began := time.Now()
	k.core.now = func() time.Duration { return time.Since(began) }
	return &play{t: t, s: k.core, k: k}
}

// eachPlay runs a play with each sort of kernel, in a bubble whose time stands
// still as long as anybody can go on.
func eachPlay(t *testing.T, f func(p *play)) {
	for kind := range 16 {
		copies, forgets, takes, one := kind&1 != 0, kind&2 != 0, kind&4 != 0, kind&8 != 0
		if one && (copies || forgets) {
			continue
		}
		t.Run(fmt.Sprintf("copies=%v,forgets=%v,takes=%v,one=%v", copies, forgets, takes, one), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlay(t, copies, forgets, takes, one)
				f(p)
				p.close()
				p.settle()
			})
		})
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
	if w.wakeup && !w.done && p.k.failed == 0 {
		p.fail("a wait doesn't take the Wakeup from before it")
	}
	return w
}

// open lets the wait that stands at a gate go on, if there is one.
func (p *play) open() {
	p.k.mu.Lock()
	gate := p.k.gate
	p.k.gate = nil
	p.k.mu.Unlock()
	if gate == nil {
		return
	}
	p.note("open")
	close(gate)
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

// failNext makes the next call of a kind fail.
func (p *play) failNext(kind *int) {
	p.k.mu.Lock()
	*kind = 1
	p.k.mu.Unlock()
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
		if p.k.atGate() {
			p.open()
		} else if p.late() {
			p.sleep(10 * time.Millisecond) // a kernel counts from when it was entered
		} else {
			p.k.mu.Lock()
			up := p.k.up && !p.k.takes // one that comes late wakes a wait for nothing, once
			p.k.mu.Unlock()
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
	once := 0
	for slot, e := p.s.table.next(0); e != nil; slot, e = p.s.table.next(slot + 1) {
		if e.key.Events&EventOnce != 0 {
			once++
		}
		ready = ready || e.events&allEvents&p.k.ready[slot<<slotShift] != 0
	}
	if !p.closed && once != p.s.table.once {
		p.fail("once is %d, want %d", p.s.table.once, once)
	}
	reports, blocked, failures := 0, 0, 0
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
			if w.took < w.timeout && p.wakes == w.woken && !w.wakeup && p.k.failed == 0 {
				p.fail("wait %d ended for nothing", i)
			}
		case w.err != nil && errors.Is(w.err, ErrClosed):
			if !p.closed {
				p.fail("wait %d: %v", i, w.err)
			}
		case w.err != nil && errors.Is(w.err, errInjected):
			failures++
		case w.err != nil:
			if w.ctx == nil || w.err != w.ctx.Err() {
				p.fail("wait %d: %v", i, w.err)
			}
		}
	}
	if p.k.forgets && !p.closed && reports != p.k.taken {
		p.fail("%d events left the kernel, %d were reported", p.k.taken, reports)
	}
	if waits := waitsOf(p.s); waits != blocked || p.s.inside != (blocked > 0) || p.s.signalled {
		p.fail("%d waits, the core has %d, inside=%v, signalled=%v", blocked, waits, p.s.inside, p.s.signalled)
	}
	if failures > p.k.failed {
		p.fail("%d failures, %d injected", failures, p.k.failed)
	}
	told := make(map[*SelectorKey]bool)
	for _, w := range p.waits {
		for _, r := range w.ready {
			if r.Key.Events&EventOnce != 0 && told[r.Key] {
				p.fail("%v is told twice", r.Key)
			}
			told[r.Key] = true
		}
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
		if len(waits) == 1 {
			p.open()
		}
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
