// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux || freebsd

package selectors

import (
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	situations = append(situations, []situation{
		{
			name: "pty's master, nothing happened",
			make: func(t *testing.T) (any, func()) {
				master, _ := situationPTY(t)
				return master, nil
			},
			want: EventWrite,
		},
		{
			name: "pty's master, data to read",
			make: func(t *testing.T) (any, func()) {
				master, slave := situationPTY(t)
				return master, func() { situationPut(t, slave, "x") }
			},
			want: situationRW,
		},
		{
			name: "pty's master, the slave is closed",
			make: func(t *testing.T) (any, func()) {
				master, slave := situationPTY(t)
				return master, situationClose(t, slave)
			},
			want: situationHungUp,
			rows: []situationRow{
				situationAsleep(EventPriority | EventHangup),
				{why: "select puts it into the list for reading (ptsdev_poll)", on: "freebsd/select", want: EventRead, perhaps: EventWrite},
				situationSelect,
			},
		},
		{
			name: "pty's master, data to read and the slave is closed",
			make: func(t *testing.T) (any, func()) {
				master, slave := situationPTY(t)
				shut := situationClose(t, slave)
				return master, func() { situationPut(t, slave, "x"); shut() }
			},
			want: situationHungUp,
			rows: []situationRow{
				situationAsleep(EventPriority | EventHangup),
				{why: "select puts it into the list for reading (ptsdev_poll)", on: "freebsd/select", want: EventRead, perhaps: EventWrite},
				situationSelect,
			},
		},
		{
			name: "pty's slave, nothing happened",
			make: func(t *testing.T) (any, func()) {
				_, slave := situationPTY(t)
				return slave, nil
			},
			want: EventWrite,
		},
		{
			name: "pty's slave, a line to read",
			make: func(t *testing.T) (any, func()) {
				master, slave := situationPTY(t)
				return slave, func() { situationPut(t, master, "x\n") }
			},
			want: situationRW,
		},
		{
			name: "pty's slave, the master is closed",
			make: func(t *testing.T) (any, func()) {
				master, slave := situationPTY(t)
				return slave, situationClose(t, master)
			},
			want: situationHungUp,
			rows: []situationRow{
				situationAsleep(EventPriority | EventHangup),
				{why: "select puts it into the list for reading (ttydev_poll)", on: "freebsd/select", want: EventRead, perhaps: EventWrite},
				situationSelect,
			},
		},
	}...)
}

// situationPTY returns the ends of a pseudoterminal.
func situationPTY(t *testing.T) (master, slave int) {
	t.Helper()
	master, name := situationMaster(t)
	return master, situationOpen(t, name, unix.O_RDWR)
}
