// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build !android

package selectors

// hasPwait2 says that epoll_pwait2 may be tried.
const hasPwait2 = true
