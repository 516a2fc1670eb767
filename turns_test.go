// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"sync/atomic"
	"time"
)

// countTurns counts how often waits of a selector go into the kernel from now
// on, and returns a function that tells. It is called while nobody waits.
func countTurns(s Selector) func() int64 {
	c := s.(interface{ coreOf() *core }).coreOf()
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &countingBackend{backend: c.backend}
	c.backend = b
	c.idle = nil
	return b.turns.Load
}

func (s *core) coreOf() *core { return s }

type countingBackend struct {
	backend
	turns atomic.Int64
}

func (b *countingBackend) newWaiter() waiter {
	return &countingWaiter{b.backend.newWaiter(), &b.turns}
}

type countingWaiter struct {
	waiter
	turns *atomic.Int64
}

func (w *countingWaiter) wait(timeout time.Duration) (bool, error) {
	w.turns.Add(1)
	return w.waiter.wait(timeout)
}
