// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

// hasPwait2: the seccomp filter of Android 13 and 14 kills who calls
// epoll_pwait2.
const hasPwait2 = false
