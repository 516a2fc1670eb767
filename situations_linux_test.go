// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// situationMaster opens a pseudoterminal's master and returns its slave's name.
func situationMaster(t *testing.T) (fd int, slave string) {
	t.Helper()
	fd = situationOpen(t, "/dev/ptmx", unix.O_RDWR)
	situationOK(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	situationOK(t, err)
	return fd, "/dev/pts/" + strconv.Itoa(int(n))
}
