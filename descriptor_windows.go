// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

// slotShift makes a slot in the table of a socket handle: handles are multiples
// of four.
const slotShift = 2

func validNumber(n int64) bool {
	// On 32 bit a handle may come as an uintptr beyond the largest int.
	return n != 0 && int(n) != -1 && (int64(int(n)) == n || int64(uintptr(n)) == n)
}
