// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import "golang.org/x/sys/unix"

var constructors = []func() (Selector, error){
	generic(NewPollSelector), generic(NewSelectSelector),
}

// fcntlDup: AIX has no F_DUPFD_CLOEXEC. A fork by C may come between.
const fcntlDup = unix.F_DUPFD
