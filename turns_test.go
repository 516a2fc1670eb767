// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// observe puts an observer between a selector and its backend. It is called
// while nobody waits.
func observe(s Selector) *observer {
	c := coreOf(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &observer{backend: c.backend}
	c.backend = b
	c.idle = nil
	return b
}

// coreOf returns what the selectors share.
func coreOf(s Selector) *core {
	return s.(interface{ coreOf() *core }).coreOf()
}

func (s *core) coreOf() *core { return s }

// An observer counts what waits do, and can hold them on their way out of the
// kernel, before they take the core's mutex.
type observer struct {
	backend
	turns atomic.Int64 // ways into the kernel
	looks atomic.Int64 // looks at all that is registered, with the core's mutex held
	held  atomic.Int64 // waits at the gate
	kept  atomic.Int64 // waiters that were not collected yet
	gate  atomic.Pointer[chan struct{}]
}

func (b *observer) newWaiter() waiter {
	w := &observedWaiter{b.backend.newWaiter(), b}
	b.kept.Add(1)
	runtime.AddCleanup(w, func(kept *atomic.Int64) { kept.Add(-1) }, &b.kept)
	return w
}

// hold stops all who come out of the kernel from now on. The function that it
// returns lets them go.
func (b *observer) hold() (open func()) {
	gate := make(chan struct{})
	b.gate.Store(&gate)
	return func() {
		if b.gate.CompareAndSwap(&gate, nil) {
			close(gate)
		}
	}
}

// await waits until a count is reached.
func await(t testing.TB, count *atomic.Int64, n int64) {
	t.Helper()
	eventually("the count", func() bool { return count.Load() >= n })
}

type observedWaiter struct {
	waiter
	b *observer
}

func (w *observedWaiter) look(dst []Ready) ([]Ready, error) {
	w.b.looks.Add(1)
	return w.waiter.look(dst)
}

func (w *observedWaiter) wait(timeout time.Duration) (bool, error) {
	w.b.turns.Add(1)
	over, err := w.waiter.wait(timeout)
	if gate := w.b.gate.Load(); gate != nil {
		w.b.held.Add(1)
		<-*gate
		w.b.held.Add(-1)
	}
	return over, err
}
