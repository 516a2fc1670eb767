// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"sync/atomic"
	"testing"
)

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
