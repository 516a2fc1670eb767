// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux || freebsd || netbsd

package selectors

import (
	"testing"

	"golang.org/x/sys/unix"
)

// situationTTY: the filters of NetBSD's terminals don't tell of their end
// (filt_ttyread), but for the one for reading of a pseudoterminal's master
// (filt_ptcread).
func situationTTY(want EventMask) situationRow {
	return situationRow{
		why:      "the filters of terminals don't tell of their end",
		on:       "netbsd/kqueue",
		want:     want,
		noHangup: true,
	}
}

func init() {
	situations = append(situations, []situation{
		{
			name: "pty's master, nothing happened",
			make: func(t *testing.T) (any, func()) {
				master, _ := situationPTY(t)
				return master, nil
			},
			want: EventWrite,
			rows: []situationRow{situationTTY(EventWrite)},
		},
		{
			name: "pty's master, data to read",
			make: func(t *testing.T) (any, func()) {
				master, slave := situationPTY(t)
				return master, func() { situationPut(t, slave, "x") }
			},
			want: situationRW,
			rows: []situationRow{situationTTY(situationRW)},
		},
		{
			name: "pty's master, the slave is closed",
			make: func(t *testing.T) (any, func()) {
				master, slave := situationPTY(t)
				return master, situationClose(t, slave)
			},
			want: situationHungUp,
			rows: []situationRow{
				situationTTY(situationRW),
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
				situationTTY(situationRW),
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
			rows: []situationRow{situationTTY(EventWrite)},
		},
		{
			name: "pty's slave, a line to read",
			make: func(t *testing.T) (any, func()) {
				master, slave := situationPTY(t)
				return slave, func() { situationPut(t, master, "x\n") }
			},
			want: situationRW,
			rows: []situationRow{situationTTY(situationRW)},
		},
		{
			name: "pty's slave, the master is closed",
			make: func(t *testing.T) (any, func()) {
				master, slave := situationPTY(t)
				return slave, situationClose(t, master)
			},
			want: situationHungUp,
			rows: []situationRow{
				// Only when it is registered is it seen to be gone (ptyfs_getattr).
				{why: situationTTY(0).why, on: situationTTY(0).on, perhaps: situationHungUp, noHangup: true},
				situationAllLists,
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
