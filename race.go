// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build race

package selectors

import (
	"runtime"
	"unsafe"
)

// raceSync orders what comes before a TryWrite before what comes after a TryRead,
// as read and write of x/sys do for the race detector.
var raceSync int

func raceRead(p []byte) {
	if len(p) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(unsafe.SliceData(p)), len(p))
	}
	runtime.RaceAcquire(unsafe.Pointer(&raceSync))
}

func raceWrite(p []byte) {
	if len(p) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(unsafe.SliceData(p)), len(p))
	}
	runtime.RaceReleaseMerge(unsafe.Pointer(&raceSync))
}
