// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCloseEndsEveryBlockedWaitWithErrClosed(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			for _, registered := range []bool{false, true} {
				s := open(t, tt)
				if registered {
					a, _ := tcpPair(t)
					register(t, s, a, EventRead, nil)
				}
				m := s.GetMap()
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				waits := []func() ([]Ready, error){
					func() ([]Ready, error) { return s.SelectContext(ctx) },
				}
				for _, kind := range waitKinds {
					if strings.Contains(kind.name, "0") || strings.Contains(kind.name, "-1") {
						continue
					}
					waits = append(waits, func() ([]Ready, error) { return kind.wait(s) })
				}
				c := start(s, waits...)
				within(t, "Close", func() {
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				if m.Len() != 0 || s.GetMap() != nil {
					t.Error("there are keys after Close")
				}
				for range waits {
					if a := end(t, c); len(a.ready) != 0 || !errors.Is(a.err, ErrClosed) || !errors.Is(a.err, os.ErrClosed) {
						t.Errorf("a wait ended with %v, %v", format(a.ready), a.err)
					}
				}
			}
		})
	}
}

func TestCloseRacingWithEverythingElseHangsNothing(t *testing.T) {
	budget := time.Duration(rounds(20, 100, 1000)) * time.Millisecond
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			a, b := writable(t), writable(t)
			begin := time.Now()
			for i := 0; i == 0 || time.Since(begin) < budget; i++ {
				s, err := tt.open()
				if err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				run := func(f func() error) {
					spawn(&wg, func() {
						for {
							if err := f(); err != nil {
								if !errors.Is(err, ErrClosed) {
									t.Error(err)
								}
								return
							}
							runtime.Gosched()
						}
					})
				}
				for range 3 {
					run(func() error { _, err := s.Select(Forever); return err })
				}
				run(func() error { _, err := s.SelectContext(context.Background()); return err })
				run(func() error { _, err := s.Select(time.Microsecond); return err })
				run(func() error { return s.Wakeup() })
				for _, c := range []*net.TCPConn{a, b} {
					run(func() error {
						if _, err := s.Register(c, EventRead, nil); err != nil {
							return err
						}
						if _, err := s.Modify(c, EventWrite, nil); err != nil {
							return err
						}
						_, err := s.Unregister(c)
						return err
					})
				}
				for range i % 5 {
					runtime.Gosched()
				}
				if i%2 == 0 {
					time.Sleep(time.Duration(i%100) * 10 * time.Microsecond)
				}
				for range 2 {
					spawn(&wg, func() {
						if err := s.Close(); err != nil {
							t.Error(err)
						}
					})
				}
				within(t, "something", wg.Wait)
			}
		})
	}
}

func TestGoroutinesAreBackToTheirNumberAfterClose(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			a, _ := tcpPair(t)
			before := runtime.NumGoroutine()
			for range 3 {
				s, err := tt.open()
				if err != nil {
					t.Fatal(err)
				}
				register(t, s, a, EventRead, nil)
				ctx := &ownContext{Context: context.Background(), done: make(chan struct{})}
				blocked := []<-chan answer{
					startSelect(s, Forever),
					startSelect(s, time.Hour),
					start(s, func() ([]Ready, error) { return s.SelectContext(ctx) }),
				}
				s.Close()
				for _, c := range blocked {
					end(t, c)
				}
			}
			eventually(fmt.Sprintf("%d goroutines, as before", before), func() bool {
				return runtime.NumGoroutine() <= before
			})
		})
	}
}

func TestACloseThatTheSystemRefusedToTellOfCanBeRepeated(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := coreOf(s)
		b := &refusing{backend: c.backend}
		c.backend = b
		blocked := startSelect(s, Forever)
		stillBlocked(t, blocked)
		b.refuses.Store(true)
		if err := s.Close(); err != errRefused {
			t.Errorf("Close = %v, want %v", err, errRefused)
		}
		b.refuses.Store(false)
		if err := s.Close(); err != nil {
			t.Errorf("the second Close = %v", err)
		}
		if a := end(t, blocked); !errors.Is(a.err, ErrClosed) {
			t.Errorf("the wait ends with %v", a.err)
		}
	})
}
