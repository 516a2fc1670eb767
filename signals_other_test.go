// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !linux

package selectors

import (
	"os"

	"golang.org/x/sys/unix"
)

// sendSignal sends a signal to the process.
func sendSignal(sig unix.Signal) { unix.Kill(os.Getpid(), sig) }
