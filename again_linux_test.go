// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"os"
	"testing"
)

// executable returns the path of this program, for tests that run it again.
func executable(t testing.TB) string {
	t.Helper()
	if os.Getenv("SELECTORS_EMULATED") != "" {
		t.Skip("an emulated program can't start itself")
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
