// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

// Android's seccomp filters kill who makes a system call that is not in bionic.
const (
	hasPwait2  = false // in Android 13 and 14
	hasPreadv2 = false // before Android 13; pwritev2 likewise
)
