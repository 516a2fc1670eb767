// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

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
