// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !aix

package selectors

import "golang.org/x/sys/unix"

// fcntlDup makes fcntl duplicate a descriptor, closed on exec.
const fcntlDup = unix.F_DUPFD_CLOEXEC
