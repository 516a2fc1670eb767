// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build go1.25

package selectors

import (
	"context"
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
