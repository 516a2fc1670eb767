// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"os"
	"os/signal"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sendSignal sends a signal to the process. Linux has a better one.
var sendSignal = func(sig unix.Signal) { unix.Kill(os.Getpid(), sig) }

// signals sends signals to the process, or its threads, until the test ends.
func signals(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, unix.SIGUSR1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	spawn(&wg, func() {
		for {
			select {
			case <-stop:
				return
			default:
				sendSignal(unix.SIGURG) // the runtime's own
				sendSignal(unix.SIGUSR1)
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		wg.Wait()
		signal.Stop(caught)
	})
}

func TestASignalNeverEndsOrLengthensAWait(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		signals(t)
		check := func(timeout time.Duration) {
			t.Helper()
			begin := time.Now()
			within(t, "Select", func() {
				if ready, err := s.Select(timeout); len(ready) != 0 || err != nil {
					t.Errorf("Select(%v) = %v, %v", timeout, format(ready), err)
				}
			})
			if took := time.Since(begin); took < timeout {
				t.Errorf("Select(%v) took %v", timeout, took)
			}
		}
		for range 20 {
			check(0)
			check(time.Millisecond)
			check(1_300_000)
		}
		check(100 * time.Millisecond)
		blocked := startSelect(s, Forever)
		stillBlocked(t, blocked)
		wakeup(t, s)
		wants(t, end(t, blocked))
		blocked = startSelect(s, Forever)
		fill(t, w)
		wants(t, end(t, blocked), Ready{key, EventRead})
		now(t, s, Ready{key, EventRead})
	})
}
