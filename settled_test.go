// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// A wait that stands aside until the stale ones are out has its timeout all the same.
func TestATimeoutRunsWhileAWakeUpIsUp(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := coreOf(s)
		var later atomic.Int64
		clock := c.now
		c.now = func() time.Duration { return clock() + time.Duration(later.Load()) }
		c.mu.Lock()
		c.signalled = true
		c.mu.Unlock()
		ended := make(chan answer, 1)
		go func() {
			ready, err := s.Select(time.Hour)
			ended <- answer{ready, err}
		}()
		eventually("the wait has begun", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.waits == 1
		})
		later.Store(int64(2 * time.Hour))
		c.mu.Lock()
		c.settled.Broadcast()
		c.mu.Unlock()
		wants(t, end(t, ended))
		c.mu.Lock()
		c.signalled = false
		c.mu.Unlock()
	})
}

// A refusing backend can't be woken.
type refusing struct {
	backend
	refuses atomic.Bool
}

var errRefused = errors.New("refused")

func (b *refusing) wake() error {
	if b.refuses.Load() {
		return errRefused
	}
	return b.backend.wake()
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
