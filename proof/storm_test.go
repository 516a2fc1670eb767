// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package proof

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-selectors/selectors"
	"golang.org/x/sys/unix"
)

// threads returns the process's threads.
func threads() (ids []int, err error) {
	list, err := os.ReadDir("/proc/self/task")
	for _, entry := range list {
		if id, err := strconv.Atoi(entry.Name()); err == nil {
			ids = append(ids, id)
		}
	}
	return ids, err
}

func countThreads(t testing.TB) int {
	t.Helper()
	ids, err := threads()
	if err != nil {
		t.Fatal(err)
	}
	return len(ids)
}

// storm sends signals to every thread until it is stopped: the one by which
// the runtime preempts, and one that the program is notified of. Meanwhile
// a goroutine computes and collects, so that there is something to preempt.
func storm(t testing.TB) (stop func()) {
	t.Helper()
	notified := make(chan os.Signal, 1)
	signal.Notify(notified, unix.SIGUSR1)
	done := make(chan bool)
	var group sync.WaitGroup
	spawn(&group, func() {
		for n := 0; ; n++ {
			ids, _ := threads()
			for _, id := range ids {
				unix.Tgkill(os.Getpid(), id, []unix.Signal{unix.SIGURG, unix.SIGUSR1}[n%2])
			}
			select {
			case <-done:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	})
	spawn(&group, func() {
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	})
	return func() {
		close(done)
		group.Wait()
		signal.Stop(notified)
	}
}

// A signal, the runtime's own among them, never ends a wait, and doesn't keep it
// from ending.
func TestNoSignalEndsOrLengthensAWait(t *testing.T) {
	defer storm(t)()

	// A wait without a selector sees them, or the test would prove nothing.
	for start := time.Now(); ; {
		if _, err := unix.Poll(nil, 100); err == unix.EINTR {
			break
		}
		if time.Since(start) > hang {
			t.Fatal("no signal has interrupted poll")
		}
	}

	timeouts := []time.Duration{1, time.Microsecond, 50 * time.Microsecond, time.Millisecond, 1500 * time.Microsecond,
		10 * time.Millisecond, 100 * time.Millisecond}
	budget := time.Duration(rounds(30, 50, 1000)) * time.Millisecond
	var group sync.WaitGroup
	for _, s := range subjects(t) {
		spawn(&group, func() {
			for _, timeout := range timeouts {
				var longest time.Duration
				n := 0
				for start := time.Now(); n == 0 || time.Since(start) < budget; n++ {
					var ready []selectors.Ready
					var err error
					begin := time.Now()
					within(t, s.name+": Select", func() { ready, err = s.Select(timeout) })
					took := time.Since(begin)
					if err != nil || len(ready) != 0 || took < timeout {
						t.Errorf("%s: Select(%v): %v, %v after %v", s.name, timeout, ready, err, took)
						return
					}
					longest = max(longest, took-timeout)
				}
				t.Logf("%6s: %5d waits of %6v, at most %v longer", s.name, n, timeout, longest.Round(time.Microsecond))
			}
		})
	}
	group.Wait()
}

// No event is lost in the storm either.
func TestNoSignalSwallowsAnEvent(t *testing.T) {
	defer storm(t)()
	n := rounds(10, 50, 1000)
	var group sync.WaitGroup
	for _, s := range subjects(t) {
		r, w := pipe(t)
		if _, err := s.Register(r, R, nil); err != nil {
			t.Fatal(err)
		}
		spawn(&group, func() {
			for range n {
				written := later(func() { unix.Write(w, []byte{1}) })
				var ready []selectors.Ready
				var err error
				within(t, s.name+": Select", func() { ready, err = s.Select(selectors.Forever) })
				written()
				if err != nil || len(ready) != 1 {
					t.Errorf("%s: %v, %v", s.name, ready, err)
					return
				}
				unix.Read(r, make([]byte, 1))
			}
		})
	}
	group.Wait()
}

// Nor does a number fail a Select that is closed and reused while it looks.
func TestNoSelectFailsForANumberThatIsReused(t *testing.T) {
	budget := time.Duration(rounds(20, 60, 1000)) * time.Millisecond
	for _, s := range subjects(t) {
		r, w := pipe(t)
		file, _ := pipe(t)
		again := firstFD // a number that nobody else is given
		if err := unix.Dup3(file, again, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		done := make(chan bool)
		var group sync.WaitGroup
		spawn(&group, func() {
			for {
				select {
				case <-done:
					return
				default:
					unix.Close(again)
					unix.Dup3(file, again, unix.O_CLOEXEC)
				}
			}
		})
		if _, err := s.Register(r, R, nil); err != nil {
			t.Fatal(err)
		}
		unix.Write(w, []byte{1})
		for start := time.Now(); time.Since(start) < budget; {
			// What it registers, if it does: the number may be closed at the time.
			s.Register(again, R, nil)
			s.Modify(again, R|W, nil)
			s.Modify(again, R, nil)
			ready, err := s.Select(0)
			if err != nil || len(ready) == 0 || len(ready) == 1 && ready[0].Key.FD != r {
				t.Errorf("%s: %v, %v", s.name, ready, err)
				break
			}
		}
		close(done)
		group.Wait()
		unix.Close(again)
	}
}

// Several waits of all kinds on one selector lose no event, whatever else goes
// on: wake-ups, contexts and timeouts that end, other registrations that
// change. Close ends them all.
func TestSeveralWaitsLoseNothing(t *testing.T) {
	events := rounds(500, 5_000, 50_000)
	for _, s := range subjects(t) {
		t.Run(s.name, func(t *testing.T) {
			r, w := pipe(t)
			if _, err := s.Register(r, R, nil); err != nil {
				t.Fatal(err)
			}
			seen := make(chan bool)
			var waits, disturbers sync.WaitGroup
			waiter := func(wait func() ([]selectors.Ready, error)) {
				spawn(&waits, func() {
					for {
						ready, err := wait()
						if errors.Is(err, selectors.ErrClosed) {
							return
						}
						if err != nil && !errors.Is(err, context.DeadlineExceeded) {
							t.Error(err)
						}
						for _, got := range ready {
							if n, _ := unix.Read(got.Key.FD, make([]byte, 1)); n == 1 {
								seen <- true
							}
						}
					}
				})
			}
			waiter(func() ([]selectors.Ready, error) { return s.Select(selectors.Forever) })
			waiter(func() ([]selectors.Ready, error) { return s.AppendReady(nil, selectors.Forever) })
			waiter(func() ([]selectors.Ready, error) { return s.Select(300 * time.Microsecond) })
			waiter(func() ([]selectors.Ready, error) {
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Microsecond)
				defer cancel()
				return s.SelectContext(ctx)
			})
			done := make(chan bool)
			disturb := func(f func()) {
				spawn(&disturbers, func() {
					for {
						select {
						case <-done:
							return
						case <-time.After(50 * time.Microsecond):
							f()
						}
					}
				})
			}
			disturb(func() { s.Wakeup() })
			other, _ := pipe(t)
			disturb(func() {
				s.Register(other, R, nil)
				s.Modify(other, R|P, nil)
				s.Unregister(other)
			})
			for n := range events {
				unix.Write(w, []byte{1})
				within(t, fmt.Sprint("a wait, for which event ", n, " was lost,"), func() { <-seen })
			}
			close(done)
			disturbers.Wait()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			waits.Wait()
		})
	}
}

// Selectors that were closed under blocked waits leave nothing behind. (Go
// keeps the threads it has, so that they are only bounded by how many waits are
// blocked at a time.)
func TestThousandsOfSelectorsLeaveNothing(t *testing.T) {
	total, batch := rounds(400, 1000, 10_000), 40
	for name, construct := range constructors {
		t.Run(name, func(t *testing.T) {
			r, _ := pipe(t)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()

			round := func() {
				var group sync.WaitGroup
				var open []selectors.Selector
				for range batch {
					s, err := construct()
					if err != nil {
						t.Fatal(err)
					}
					open = append(open, s)
					if _, err := s.Register(r, R, make([]byte, 1024)); err != nil {
						t.Fatal(err)
					}
					spawn(&group, func() {
						if _, err := s.SelectContext(ctx); !errors.Is(err, selectors.ErrClosed) {
							t.Errorf("SelectContext: %v", err)
						}
					})
				}
				time.Sleep(time.Millisecond) // some of them are blocked, others on their way
				for _, s := range open {
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				}
				group.Wait()
			}
			round() // so that what the runtime keeps is there

			goroutines, files, tasks, memory := runtime.NumGoroutine(), descriptors(t), countThreads(t), heap()
			for n := 0; n < total; n += batch {
				round()
			}
			eventually(fmt.Sprint(goroutines, " goroutines, as before"), func() bool {
				return runtime.NumGoroutine() <= goroutines
			})
			if n := descriptors(t); n != files {
				t.Errorf("%d descriptors, before %d", n, files)
			}
			if n := countThreads(t); n > tasks+batch+20+2*runtime.GOMAXPROCS(0) {
				t.Errorf("%d threads, before %d", n, tasks)
			}
			if n := heap() - memory; n > 1<<20 {
				t.Errorf("%d bytes more", n)
			}
			t.Logf("%d selectors: %d threads, before %d; %d bytes of the heap more", total, countThreads(t), tasks, heap()-memory)
		})
	}
}

// heap returns how many bytes of the heap are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
