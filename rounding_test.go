// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"testing"
	"time"
)

// The system's word is taken for it that a timeout is over, but for endsEarly. Where
// it counts coarser than a Duration does, only the rounding up keeps a wait from
// ending early.

func TestCeilRoundsUp(t *testing.T) {
	for _, unit := range []time.Duration{time.Microsecond, time.Millisecond} {
		for _, tt := range []struct {
			d    time.Duration
			want int64
		}{
			{-unit, 0}, {-1, 0}, {0, 0}, {1, 1}, {unit - 1, 1}, {unit, 1}, {unit + 1, 2}, {2 * unit, 2},
			{maxWait - 1, int64(maxWait / unit)}, {maxWait, int64(maxWait / unit)}, {Forever, int64(Forever/unit) + 1},
		} {
			if got := ceil(tt.d, unit); got != tt.want {
				t.Errorf("ceil(%d, %v) = %d, want %d", tt.d, unit, got, tt.want)
			}
		}
	}
}

// roundedUp checks waits of fractions of the units that systems count in, by a
// clock that is finer.
func roundedUp(t *testing.T, s Selector) {
	t.Helper()
	for _, unit := range []time.Duration{time.Microsecond, 10 * time.Microsecond, time.Millisecond} {
		for i := range time.Duration(10) {
			timeout := unit + (2*i+1)*unit/20
			begin := monotonic()
			ready, err := s.Select(timeout)
			if took := monotonic() - begin; err != nil || len(ready) != 0 || took < timeout {
				t.Errorf("Select(%v) = %v, %v after %v", timeout, format(ready), err, took)
			}
		}
	}
}

func TestFractionsOfTheSystemsUnitAreWaitedFor(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		t.Parallel()
		register(t, s, writable(t), EventRead, nil)
		roundedUp(t, s)
	})
}
