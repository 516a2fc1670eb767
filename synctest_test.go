// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build go1.25

package selectors

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A bubble's clock stands still as long as one of its goroutines is in a system
// call, and its timers with it, a context's among them.
func TestATimeoutEndsInABubble(t *testing.T) {
	const timeout = 10 * time.Millisecond
	waits := []struct {
		name string
		wait func(s Selector) ([]Ready, error)
		want error
	}{
		{"Select", func(s Selector) ([]Ready, error) { return s.Select(timeout) }, nil},
		{"AppendReady", func(s Selector) ([]Ready, error) { return s.AppendReady(nil, timeout) }, nil},
		{"SelectContext", func(s Selector) ([]Ready, error) {
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			defer cancel()
			return s.SelectContext(ctx)
		}, context.DeadlineExceeded},
	}
	each(t, func(t *testing.T, s Selector) {
		quiet, extra := writable(t), writable(t)
		register(t, s, quiet, EventRead, nil)
		// What goes on in the bubble until over is closed.
		beside := []struct {
			name string
			run  func(over chan struct{})
		}{
			{"nothing", func(chan struct{}) {}},
			{"changes", func(over chan struct{}) {
				for {
					select {
					case <-over:
						return
					default:
					}
					s.Register(extra, EventRead, nil)
					s.Unregister(extra)
				}
			}},
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
					within(t, "a wait in a bubble", func() {
						synctest.Test(t, func(t *testing.T) {
							over := make(chan struct{})
							var wg sync.WaitGroup
							wg.Go(func() { bt.run(over) })
							begin := monotonic()
							ready, err := tt.wait(s)
							if took := monotonic() - begin; len(ready) != 0 || !errors.Is(err, tt.want) || took < timeout {
								t.Errorf("a wait of %v ended with %v, %v after %v", timeout, format(ready), err, took)
							}
							close(over)
							wg.Wait()
						})
					})
				})
			}
		}
	})
}
