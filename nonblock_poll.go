// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !darwin

package selectors

// wontBlock is pollNow for what is no socket.
func wontBlock(fd int, events EventMask) bool { return pollNow(fd, events) }
