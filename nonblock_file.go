// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !linux && !dragonfly

package selectors

import "golang.org/x/sys/unix"

// Here fcntl has to tell the mode.
func readNow(int, []byte) (int, error)  { return 0, unix.EOPNOTSUPP }
func writeNow(int, []byte) (int, error) { return 0, unix.EOPNOTSUPP }
