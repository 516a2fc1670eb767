// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	situations = append(situations, []situation{
		{
			name: "unix datagram pair, the peer has closed",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_DGRAM)
				return a, situationClose(t, b)
			},
			want: EventWrite, // a write says ECONNREFUSED
		},
		{
			name: "unix datagram pair, own reading side shut",
			make: func(t *testing.T) (any, func()) {
				a, _ := situationPair(t, unix.SOCK_DGRAM)
				return a, func() { situationOK(t, unix.Shutdown(a, unix.SHUT_RD)) }
			},
			want: situationHalf,
		},
		{
			name: "FIFO's read end, there was no writer yet",
			make: func(t *testing.T) (any, func()) {
				name := filepath.Join(t.TempDir(), "fifo")
				situationOK(t, unix.Mkfifo(name, 0o600))
				return situationOpen(t, name, unix.O_RDONLY), nil
			},
			want: 0,
		},
		{
			name: "TCP, something in the error queue",
			make: func(t *testing.T) (any, func()) {
				c, _ := errorQueue(t)
				return c, nil
			},
			want: situationRW | EventPriority,
			rows: []situationRow{situationSelect},
		},
		{
			name: "listener, shut",
			make: func(t *testing.T) (any, func()) {
				l := situationListener(t)
				return l, func() { situationOK(t, unix.Shutdown(situationFD(t, l), unix.SHUT_RDWR)) }
			},
			want: situationHungUp,
			rows: []situationRow{situationSelect},
		},
	}...)
}

// situationMaster opens a pseudoterminal's master and returns its slave's name.
func situationMaster(t *testing.T) (fd int, slave string) {
	t.Helper()
	fd = situationOpen(t, "/dev/ptmx", unix.O_RDWR)
	situationOK(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	situationOK(t, err)
	return fd, "/dev/pts/" + strconv.Itoa(int(n))
}

const getTermios, setTermios = unix.TCGETS, unix.TCSETS
