// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build !android

package selectors

// What may be tried: an older kernel, or a filter, refuses it.
const (
	hasPwait2  = true // epoll_pwait2
	hasPreadv2 = true // preadv2 and pwritev2
)
