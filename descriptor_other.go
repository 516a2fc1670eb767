// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build !unix && !windows

package selectors

var constructors []func() (Selector, error)

const slotShift = 0

func validNumber(n int64) bool {
	return 0 <= n && n == int64(int(n))
}
