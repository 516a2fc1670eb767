// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
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
	gate  atomic.Pointer[chan struct{}]
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

func (b *observer) look(dst []Ready) ([]Ready, error) {
	b.looks.Add(1)
	return b.backend.look(dst)
}

func (b *observer) wait(timeout time.Duration) (bool, error) {
	b.turns.Add(1)
	over, err := b.backend.wait(timeout)
	if gate := b.gate.Load(); gate != nil {
		b.held.Add(1)
		<-*gate
		b.held.Add(-1)
	}
	return over, err
}
