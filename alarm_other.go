// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !linux

package selectors

import "time"

// Alarms are for Linux. Elsewhere poll and select are not started again after a
// stop, or with the deadline that they had.
type alarms struct{}

func (*alarms) set(time.Duration) int { return -1 }
func (*alarms) put(int)               {}
func (*alarms) release()              {}
