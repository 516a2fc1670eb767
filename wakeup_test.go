// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWithNobodyBlockedTheNextWaitOfAnyKindTakesTheWakeup(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		for _, calls := range []int{1, 3} { // which collapse into one
			for _, kind := range waitKinds {
				for range calls {
					wakeup(t, s)
				}
				within(t, kind.name, func() {
					if ready, err := kind.wait(s); len(ready) != 0 || err != nil {
						t.Errorf("%s = %v, %v", kind.name, format(ready), err)
					}
				})
				idle(t, s)

				// With something ready.
				key := register(t, s, c, EventWrite, nil)
				soon(t, s, Ready{key, EventWrite})
				for range calls {
					wakeup(t, s)
				}
				within(t, kind.name, func() {
					if ready, err := kind.wait(s); !same(ready, []Ready{{key, EventWrite}}) || err != nil {
						t.Errorf("%s = %v, %v", kind.name, format(ready), err)
					}
				})
				unregister(t, s, c)
				idle(t, s)
			}
		}
	})
}

func TestAWakeupIsKeptUntilAWaitTakesIt(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		wakeup(t, s)
		key := register(t, s, c, EventRead, nil)
		modify(t, s, c, EventRead, key)
		unregister(t, s, c)
		for range s.GetMap().All() {
		}
		wants(t, end(t, startSelect(s, Forever)))
		idle(t, s)
	})
}

func TestWakeupEndsABlockedWaitOfAnyKind(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		for _, registered := range []bool{false, true} {
			if registered {
				register(t, s, a, EventRead, nil)
			}
			for _, kind := range waitKinds {
				if strings.Contains(kind.name, "0") || strings.Contains(kind.name, "-1") {
					continue
				}
				c := start(s, func() ([]Ready, error) { return kind.wait(s) })
				wakeup(t, s)
				wants(t, end(t, c))
				idle(t, s)
			}
		}
	})
}

func TestWakeupEndsAtLeastOneOfSeveralBlockedWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const n = 4
		c := startSelects(s, Forever, n)
		for range n {
			wakeup(t, s)
			wants(t, end(t, c))
		}
		s.Select(0) // takes the Wakeup that nobody may have been there for
		idle(t, s)
	})
}

func TestNoWakeupIsLostBetweenAWaitsBeginningAndItsSleep(t *testing.T) {
	budget := time.Duration(rounds(20, 100, 1000)) * time.Millisecond
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		within(t, "Select", func() {
			woken := make(chan error)
			begin := time.Now()
			for i := 0; i == 0 || time.Since(begin) < budget; i++ {
				go func() {
					for range i % 7 {
						runtime.Gosched()
					}
					woken <- s.Wakeup()
				}()
				if ready, err := s.Select(Forever); len(ready) != 0 || err != nil {
					t.Errorf("Select = %v, %v", format(ready), err)
				}
				if err := <-woken; err != nil {
					t.Error(err)
				}
			}
		})
		idle(t, s)
	})
}

// Nobody has answered a Wakeup whose waits have failed: the next wait takes it, and
// no other.
func TestAWakeupWhoseWaitFailsGoesToTheNextWait(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := coreOf(s)
		b := &failing{backend: c.backend}
		c.backend = b
		for _, fails := range []*atomic.Bool{&b.looks, &b.waits} {
			for _, waits := range []int{1, 3} {
				if fails == &b.waits && waits > 1 {
					continue // those that are not in the kernel don't fail
				}
				for _, kind := range waitKinds {
					blocked := startSelects(s, Forever, waits)
					fails.Store(true)
					wakeup(t, s)
					for range waits {
						if a := end(t, blocked); !errors.Is(a.err, errRefused) {
							t.Errorf("the wait ends with %v, %v", format(a.ready), a.err)
						}
					}
					fails.Store(false)
					within(t, kind.name, func() {
						if ready, err := kind.wait(s); len(ready) != 0 || err != nil {
							t.Errorf("%s = %v, %v", kind.name, format(ready), err)
						}
					})
					idle(t, s)
				}
			}
		}
	})
}

// Who leaves hands the lead on. A Wakeup that comes before the new leader has noticed
// is for it as well.
func TestAWakeupReachesWhoIsJustHandedTheLead(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead|EventOnce, nil)
		core := coreOf(s)
		for range rounds(5, 20, 200) {
			blocked := startSelects(s, Forever, 2)
			core.mu.Lock() // the leader gets no further than its way out
			send(t, b)
			given := make(chan error, 1)
			go func() {
				for {
					core.mu.Lock()
					waits := waitsOf(core)
					core.mu.Unlock()
					if waits < 2 {
						given <- s.Wakeup()
						return
					}
				}
			}()
			core.mu.Unlock()
			first := end(t, blocked)
			second := end(t, blocked)
			if err := <-given; err != nil {
				t.Fatal(err)
			}
			if len(first.ready) == 0 {
				first, second = second, first
			}
			wants(t, first, Ready{key, EventRead})
			if second.err != nil || len(second.ready) != 0 {
				t.Fatalf("the other wait ended with %v, %v", format(second.ready), second.err)
			}
			receive(t, a)
			s.Select(0) // takes the Wakeup that nobody may have been there for
			key = modify(t, s, a, EventRead|EventOnce, nil)
			now(t, s)
		}
	})
}

func TestSelectContextWaitsUntilSomethingIsReady(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for _, ctx := range []context.Context{context.Background(), ctx} {
			a, b := tcpPair(t)
			key := register(t, s, a, EventRead, nil)
			c := start(s, func() ([]Ready, error) { return s.SelectContext(ctx) })
			stillBlocked(t, c)
			send(t, b)
			wants(t, end(t, c), Ready{key, EventRead})
			wants(t, end(t, start(s, func() ([]Ready, error) { return s.SelectContext(ctx) })), Ready{key, EventRead})
			unregister(t, s, a)
		}
	})
}

// ownContext is a context that the context package doesn't know.
type ownContext struct {
	context.Context
	done chan struct{}
	err  atomic.Pointer[error]
}

func (c *ownContext) Done() <-chan struct{} { return c.done }

func (c *ownContext) Err() error {
	if err := c.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (c *ownContext) end(err error) {
	c.err.Store(&err)
	close(c.done)
}

var errOwn = errors.New("own")

// contexts returns contexts of all sorts, each with what ends it, if it does
// not end by itself, and the error that it has then.
func contexts(t *testing.T) map[string]func() (ctx context.Context, end func(), err error) {
	type key struct{}
	return map[string]func() (context.Context, func(), error){
		"WithCancel": func() (context.Context, func(), error) {
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			return ctx, cancel, context.Canceled
		},
		"WithCancelCause": func() (context.Context, func(), error) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return ctx, func() { cancel(errOwn) }, context.Canceled
		},
		"WithValue": func() (context.Context, func(), error) {
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			return context.WithValue(ctx, key{}, 1), cancel, context.Canceled
		},
		"WithTimeout": func() (context.Context, func(), error) {
			ctx, cancel := context.WithTimeout(context.Background(), 3*settle/2)
			t.Cleanup(cancel)
			return ctx, func() {}, context.DeadlineExceeded
		},
		"own": func() (context.Context, func(), error) {
			ctx := &ownContext{Context: context.Background(), done: make(chan struct{})}
			return ctx, func() { ctx.end(errOwn) }, errOwn
		},
		"of an own one": func() (context.Context, func(), error) {
			parent := &ownContext{Context: context.Background(), done: make(chan struct{})}
			ctx, cancel := context.WithCancel(parent)
			t.Cleanup(cancel)
			return ctx, func() { parent.end(errOwn) }, errOwn
		},
	}
}

func TestSelectContextReturnsTheErrorOfACtxThatEndsDuringTheWait(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		for name, make := range contexts(t) {
			ctx, finish, want := make()
			other := startSelect(s, Forever)
			c := start(s, func() ([]Ready, error) { return s.SelectContext(ctx) })
			finish()
			got := end(t, c)
			if len(got.ready) != 0 || got.err != ctx.Err() || got.err != want {
				t.Errorf("%s: SelectContext = %v, %v, want %v", name, format(got.ready), got.err, want)
			}
			if ctx.Err() == nil {
				t.Errorf("%s: before the end", name)
			}
			stillBlocked(t, other) // it is nobody else's context
			wakeup(t, s)
			wants(t, end(t, other))
		}
		idle(t, s)
	})
}

func TestACtxThatIsDoneGivesItsErrorWithoutALook(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		key := register(t, s, writable(t), EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		for name, make := range contexts(t) {
			ctx, finish, _ := make()
			finish()
			<-ctx.Done()
			for range 2 {
				ready, err := s.SelectContext(ctx)
				if len(ready) != 0 || err != ctx.Err() || err == nil {
					t.Errorf("%s: SelectContext = %v, %v", name, format(ready), err)
				}
			}
		}
	})
}

func TestACtxThatIsDoneTakesNoWakeup(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		wakeup(t, s)
		if ready, err := s.SelectContext(ctx); len(ready) != 0 || err != context.Canceled {
			t.Errorf("SelectContext = %v, %v", format(ready), err)
		}
		wants(t, end(t, startSelect(s, Forever)))
		idle(t, s)
	})
}

// askedContext tells when it was asked for its error first.
type askedContext struct {
	context.Context
	once  sync.Once
	asked chan struct{}
}

func (c *askedContext) Err() error {
	err := c.Context.Err()
	c.once.Do(func() { close(c.asked) })
	return err
}

func TestADescriptorFoundReadyAsCtxEndsIsReturned(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		for i := range 50 {
			parent, cancel := context.WithCancel(context.Background())
			ctx := &askedContext{Context: parent, asked: make(chan struct{})}
			register(t, s, c, EventRead, nil)
			wait := func() ([]Ready, error) { return s.SelectContext(ctx) }
			var done <-chan answer
			if i%2 == 0 {
				done = start(s, wait)
			} else {
				c := make(chan answer, 1)
				go func() {
					ready, err := wait()
					c <- answer{ready, err}
				}()
				<-ctx.asked // it is on its way
				done = c
			}
			// Ready first, the end next: whichever wakes the wait, it finds both.
			key := modify(t, s, c, EventWrite, nil)
			cancel()
			wants(t, end(t, done), Ready{key, EventWrite})
			unregister(t, s, c)
		}
	})
}

func TestANilCtxPanics(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		defer func() {
			if recover() == nil {
				t.Error("it doesn't")
			}
		}()
		s.SelectContext(nil) //lint:ignore SA1012 that is what is tested
	})
}

// A wait that is on its way out of the kernel has not seen the signal yet, which
// stays up for it. Who begins to wait meanwhile would come out again at once.
func TestNoWaitGoesRoundWhileASignalIsUp(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		t.Parallel()
		extra := writable(t)
		for _, signal := range []struct {
			name string
			give func(cancel func())
			ends bool // the wait that it is for
		}{
			{"Wakeup", func(func()) { wakeup(t, s) }, true},
			{"the end of a context", func(cancel func()) { cancel() }, true},
			{"a change", func(func()) { register(t, s, extra, EventRead, nil) }, false},
		} {
			t.Run(signal.name, func(t *testing.T) {
				b := observe(s)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				old := start(s, func() ([]Ready, error) { return s.SelectContext(ctx) })
				await(t, &b.turns, 1)
				open := b.hold()
				defer open()
				signal.give(cancel)
				if !signal.ends && !up(s) {
					return // this selector needs no signal for it
				}
				await(t, &b.held, 1)
				turns := b.turns.Load()
				late := make(chan answer, 4)
				for _, wait := range []func() ([]Ready, error){
					func() ([]Ready, error) { return s.Select(Forever) },
					func() ([]Ready, error) { return s.Select(2 * hang) },
					func() ([]Ready, error) { return s.SelectContext(context.Background()) },
				} {
					go func() {
						ready, err := wait()
						late <- answer{ready, err}
					}()
				}
				eventually("four waits are under way", func() bool { return underWay(s) == 4 })
				time.Sleep(settle)
				if n := b.turns.Load() - turns; n != 0 {
					t.Errorf("%d turns of waits that began while the signal was up", n)
				}
				open()
				left := 3
				if signal.ends {
					if a := end(t, old); len(a.ready) != 0 || a.err != nil && a.err != ctx.Err() {
						t.Errorf("the old wait ended with %v, %v", format(a.ready), a.err)
					}
				} else {
					left++
					go func() { late <- <-old }()
				}
				await(t, &b.turns, turns+1) // one of them leads
				stillBlocked(t, late)
				stillBlocked(t, late)
				wakeup(t, s)
				for range left {
					wants(t, end(t, late))
				}
				if n := b.turns.Load() - turns; n > few {
					t.Errorf("%d turns of %d waits", n, left)
				}
			})
		}
	})
}

// underWay returns how many waits have found nothing ready and go on.
func underWay(s Selector) int {
	return blocked(s)
}

// up reports whether the waits that are blocked have been signalled.
func up(s Selector) bool {
	c := coreOf(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.signalled
}

// No signal costs a wait more than a turn, however many waits there are and
// whatever they wait for.
func TestASignalCostsEachWaitOneTurn(t *testing.T) {
	const waits, signals = 2, 50
	each(t, func(t *testing.T, s Selector) {
		t.Parallel()
		extra := writable(t)
		for _, tt := range []struct {
			name string
			wait func(ctx context.Context) error
			give func() error // nil if the waits end by themselves
		}{
			{"Wakeup", func(context.Context) error {
				_, err := s.Select(Forever)
				return err
			}, s.Wakeup},
			{"a change", func(context.Context) error {
				_, err := s.Select(Forever)
				return err
			}, func() error {
				if _, err := s.Register(extra, EventRead, nil); err != nil {
					return err
				}
				_, err := s.Unregister(extra)
				return err
			}},
			{"a context", func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
				defer cancel()
				if _, err := s.SelectContext(ctx); err != nil && err != context.DeadlineExceeded {
					return err
				}
				return nil
			}, nil},
		} {
			t.Run(tt.name, func(t *testing.T) {
				b := observe(s)
				var over atomic.Bool
				var ended atomic.Int64
				done := make(chan error, waits)
				for range waits {
					go func() {
						var err error
						for err == nil && !over.Load() {
							err = tt.wait(context.Background())
							ended.Add(1)
						}
						done <- err
					}()
				}
				await(t, &b.turns, 1)
				for range signals {
					if tt.give == nil {
						break
					}
					if err := tt.give(); err != nil {
						t.Fatal(err)
					}
					time.Sleep(200 * time.Microsecond) // they go on
				}
				if tt.give == nil {
					await(t, &ended, signals)
				}
				over.Store(true)
				given := int64(signals)
				for n := 0; n < waits; {
					wakeup(t, s)
					given++
					select {
					case err := <-done:
						if err != nil {
							t.Error(err)
						}
						n++
					case <-time.After(time.Millisecond):
					}
				}
				// A change is two signals.
				bound := ended.Load() + waits + 2*given + few
				if n := b.turns.Load(); n > bound {
					t.Errorf("%d turns for %d signals and %d waits, want at most %d", n, given, ended.Load(), bound)
				}
				s.Select(0) // takes the Wakeup that nobody may have been there for
			})
		}
	})
}

// A wait that comes out when its time is over doesn't go in again, not even for
// the shortest time that the system knows.
func TestNoWaitSleepsAgainWhenItsTimeIsOver(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		t.Parallel()
		b := observe(s)
		open := b.hold()
		defer open()
		ctx, cancel := context.WithCancel(context.Background())
		other := start(s, func() ([]Ready, error) { return s.SelectContext(ctx) })
		timed := startSelect(s, 10*settle)
		begin := monotonic()
		cancel() // the leader comes out
		await(t, &b.held, 1)
		turns := b.turns.Load()
		eventually("the time is over", func() bool { return monotonic()-begin > 10*settle })
		open()
		wants(t, end(t, timed))
		if a := end(t, other); a.err != context.Canceled {
			t.Errorf("the other wait ended with %v, %v", format(a.ready), a.err)
		}
		if n := b.turns.Load() - turns; n != 0 {
			t.Errorf("%d turns when the time was over", n)
		}
	})
}

// A foreignContext is one whose methods are not package context's. It ends when
// AfterFunc was called.
type foreignContext struct {
	done chan struct{}
	call func(method string)
}

func newForeignContext(call func(method string)) *foreignContext {
	return &foreignContext{make(chan struct{}), call}
}

// before calls call at the beginning of each method, but for what package context
// asks in other goroutines.
func (c *foreignContext) before(method string) {
	if strings.Contains(string(debug.Stack()), ".SelectContext(") {
		c.call(method)
	}
}

func (c *foreignContext) Deadline() (time.Time, bool) {
	c.before("Deadline")
	return time.Time{}, false
}

func (c *foreignContext) Done() <-chan struct{} {
	c.before("Done")
	return c.done
}

func (c *foreignContext) Err() error {
	c.before("Err")
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

func (c *foreignContext) Value(any) any {
	c.before("Value")
	return nil
}

// AfterFunc is what package context calls where a context has it, in place of a
// goroutine of its own.
func (c *foreignContext) AfterFunc(f func()) (stop func() bool) {
	c.before("AfterFunc")
	go func() {
		close(c.done)
		f()
	}()
	return func() bool {
		c.before("stop")
		return false
	}
}

// However long a context takes, other waits sleep meanwhile, and are woken.
func TestASlowContextHoldsUpItsOwnWaitAlone(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		t.Parallel()
		slow := 1
		for slowCall(t, s, slow) {
			slow++
		}
		if slow < 6 {
			t.Errorf("%d calls of the context's methods, the test is for more", slow-1)
		}
	})
}

// slowCall waits with a context that is slow to answer a call, and reports
// whether there were that many.
func slowCall(t *testing.T, s Selector, slow int) bool {
	calls := 0
	reached, goOn := make(chan string, 1), make(chan struct{})
	defer close(goOn)
	c := make(chan answer, 1)
	go func() {
		ready, err := s.SelectContext(newForeignContext(func(method string) {
			if calls++; calls == slow {
				reached <- method
				<-goOn
			}
		}))
		c <- answer{ready, err}
	}()
	var method string
	var early answer
	within(t, fmt.Sprintf("SelectContext, which calls the context less than %d times,", slow), func() {
		select {
		case method = <-reached:
		case early = <-c:
		}
	})
	if method == "" {
		if early.err != context.Canceled {
			t.Fatalf("SelectContext = %v, %v", format(early.ready), early.err)
		}
		return false
	}
	sleepsAndWakes(t, s, method+" takes its time")
	goOn <- struct{}{}
	if a := end(t, c); a.err != context.Canceled {
		t.Fatalf("SelectContext = %v, %v", format(a.ready), a.err)
	}
	return true
}

// sleepsAndWakes checks that a wait sleeps in the kernel, and is woken.
func sleepsAndWakes(t *testing.T, s Selector, when string) {
	t.Helper()
	var failure string
	within(t, "a wait, "+when, func() {
		b := observe(s)
		other := startSelect(s, Forever)
		await(t, &b.turns, 1)
		err := s.Wakeup()
		if a := <-other; err != nil || a.err != nil || len(a.ready) != 0 {
			failure = fmt.Sprintf("Wakeup = %v, and a wait gives %v, %v", err, format(a.ready), a.err)
		} else if n := b.turns.Load(); n > few {
			failure = fmt.Sprintf("%d turns of a wait", n)
		} else if ready, err := s.Select(time.Millisecond); err != nil || len(ready) != 0 {
			failure = fmt.Sprintf("Select = %v, %v", format(ready), err)
		} else if s.Select(settle); b.turns.Load() > 2*few {
			failure = fmt.Sprintf("%d turns of two waits", b.turns.Load()-n)
		}
	})
	if failure != "" {
		t.Errorf("%s: %s", when, failure)
	}
}

// A panic of a context leaves the selector as it was.
func TestAContextThatPanicsHarmsNoOtherCall(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		t.Parallel()
		for failing := 1; ; failing++ {
			calls := 0
			var panicked any
			within(t, "SelectContext", func() {
				defer func() { panicked = recover() }()
				s.SelectContext(newForeignContext(func(method string) {
					if calls++; calls == failing {
						panic(fmt.Sprintf("call %d, of %s", calls, method))
					}
				}))
			})
			if panicked == nil {
				if failing < 5 {
					t.Errorf("%d calls of the context's methods, the test is for more", calls)
				}
				break
			}
			within(t, fmt.Sprint("a wait after the panic of ", panicked), func() {
				s.Wakeup()
				s.Select(Forever)
			})
			sleepsAndWakes(t, s, fmt.Sprint("the panic of ", panicked))
		}
		c := coreOf(s)
		r := &countedResources{resources: c.resources}
		c.resources = r
		blocked := startSelect(s, Forever)
		s.Close()
		if a := end(t, blocked); !errors.Is(a.err, ErrClosed) {
			t.Errorf("Select = %v, %v", format(a.ready), a.err)
		}
		if n := r.released.Load(); n != 1 {
			t.Errorf("the resources were released %d times", n)
		}
	})
}

type countedResources struct {
	resources
	released atomic.Int64
}

func (r *countedResources) release() {
	r.released.Add(1)
	r.resources.release()
}
