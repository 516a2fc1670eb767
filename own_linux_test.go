// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestASelectorThatIsToldToWatchItselfIsStillWoken(t *testing.T) {
	for _, full := range []bool{false, true} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("full=%v,early=%v", full, early), func(t *testing.T) {
				s := openEpoll(t)
				r, _ := pipe(t)
				var blocked <-chan answer
				if early {
					blocked = startSelect(s, Forever)
					stillBlocked(t, blocked)
				}
				if full {
					takeAll(t, r)
				}
				for _, events := range []EventMask{EventRead, EventRead | EventPriority} {
					if _, err := s.Register(s, events, nil); !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EMFILE) {
						t.Errorf("Register(itself, %v): %v", events, err)
					}
				}
				if !early {
					blocked = startSelect(s, Forever)
					stillBlocked(t, blocked)
				}
				wakeup(t, s)
				wants(t, end(t, blocked))
			})
		}
	}
}
