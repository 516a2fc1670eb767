// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build !unix && !windows

package selectors

import (
	"net"
	"testing"
)

// The tests that are left hold what is the same on all systems.

var selectorsUnderTest []selectorUnderTest

func invalidNumbers(int) []any { return nil }

func sendUrgent(testing.TB, *net.TCPConn) {}
