// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What is ready for so short that the wait doesn't see it makes some systems work
// out again what is left.
func TestEventsThatAreGoneAgainEndNoWaitEarly(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		register(t, s, r.fd, EventRead, nil)
		var stop atomic.Bool
		var group sync.WaitGroup
		spawn(&group, func() {
			for p := make([]byte, 1); !stop.Load(); {
				unix.Write(w.fd, p)
				unix.Read(r.fd, p)
				for begin := monotonic(); monotonic()-begin < 200*time.Microsecond; {
					runtime.Gosched()
				}
			}
		})
		const timeout = 5 * time.Millisecond
		for range 50 {
			begin := monotonic()
			ready, err := s.Select(timeout)
			if took := monotonic() - begin; err != nil || len(ready) == 0 && took < timeout {
				t.Errorf("Select(%v) = %v, %v after %v", timeout, format(ready), err, took)
			}
		}
		stop.Store(true)
		group.Wait()
	})
}
