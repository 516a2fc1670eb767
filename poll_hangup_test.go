// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux || freebsd

package selectors

import (
	"runtime"
	"testing"
)

// FreeBSD 12 has no POLLRDHUP, and 13 got it during its life.
func TestPollTellsHangupWhereTheKernelDoes(t *testing.T) {
	has := tellsHangup()
	switch {
	case runtime.GOOS == "freebsd" && situationRelease == 13:
		t.Skip("it depends on the update")
	case has != (runtime.GOOS == "linux" || situationRelease > 13):
		t.Errorf("release %d: %v", situationRelease, has)
	}
	if again := tellsHangup(); again != has {
		t.Error("the answer changes")
	}
}
