// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build !unix

package program

import "math"

// Descriptors returns how many descriptors a program may have.
func Descriptors() int { return math.MaxInt32 }
