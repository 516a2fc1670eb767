// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build !windows && !dragonfly && !netbsd && !openbsd

package selectors

import "time"

var began = time.Now()

// monotonic returns the time on a clock that nobody sets.
func monotonic() time.Duration { return time.Since(began) }
