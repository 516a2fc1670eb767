// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build go1.25

package selectors

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

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
