// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package main

import "time"

// others are the peers that don't go through a loop, by peer and workload.
var others = map[string]func(d time.Duration, n, a int) []float64{}
