// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !linux

package selectors

// oPath marks a descriptor that only names a file, where the system has that and
// doesn't refuse it itself.
const oPath = 0
