// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux || freebsd || netbsd

package selectors

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

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

func TestTryOfATerminal(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			master, slave := situationPTY(t)
			unix.SetNonblock(slave, mode.nonblock)
			buf := make([]byte, 1<<16)
			n, err := TryRead(slave, buf)
			wouldBlock(t, n, err)
			// Nobody reads at the other side. In blocking mode a terminal that has
			// room for less takes its time.
			text := bytes.Repeat([]byte("line\n"), 1<<10)
			if !mode.nonblock {
				if n, err := TryWrite(slave, text[:5]); n != 5 || err != nil {
					t.Errorf("TryWrite = %d, %v", n, err)
				}
				return
			}
			total := 0
			for err = nil; err == nil; total += n {
				n, err = TryWrite(slave, text)
			}
			wouldBlock(t, n, err)
			if total == 0 {
				t.Error("nothing fits")
			}
			if n, err := TryRead(master, buf); n == 0 || err != nil {
				t.Errorf("TryRead = %d, %v", n, err)
			}
		})
	}
	t.Run("hung up", func(t *testing.T) {
		m, s := situationPTY(t)
		shut := situationClose(t, s)
		shut()
		if n, err := TryRead(m, make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("TryRead of the master = %d, %v", n, err)
		}
		m, s = situationPTY(t)
		situationClose(t, m)()
		if n, err := TryRead(s, make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("TryRead of the slave = %d, %v", n, err)
		}
	})
}

// raw makes a terminal hand out bytes.
func raw(t *testing.T, fd int, vmin, vtime uint8) {
	t.Helper()
	state, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		t.Fatal(err)
	}
	state.Lflag &^= unix.ICANON | unix.ECHO
	state.Cc[unix.VMIN], state.Cc[unix.VTIME] = vmin, vtime
	if err := unix.IoctlSetTermios(fd, setTermios, state); err != nil {
		t.Fatal(err)
	}
}

func TestAnIdleTerminalIsNotAtItsEnd(t *testing.T) {
	buf := make([]byte, 10)
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			master, slave := situationPTY(t)
			raw(t, slave, 0, 0)
			unix.SetNonblock(slave, mode.nonblock)
			for range 2 {
				n, err := TryRead(slave, buf)
				wouldBlock(t, n, err)
			}
			situationPut(t, master, "x")
			eventually("the byte", func() bool {
				n, err := TryRead(slave, buf)
				return n == 1 && err == nil
			})
			situationClose(t, master)()
			if n, err := TryRead(slave, buf); n != 0 || err != io.EOF {
				t.Errorf("TryRead after the hang-up = %d, %v", n, err)
			}
		})
		t.Run("Ctrl-D/"+mode.name, func(t *testing.T) {
			master, slave := situationPTY(t)
			unix.SetNonblock(slave, mode.nonblock)
			situationPut(t, master, "\x04")
			err := ErrWouldBlock
			for n := 0; err == ErrWouldBlock; {
				if n, err = TryRead(slave, buf); n != 0 {
					t.Fatalf("TryRead = %d", n)
				}
			}
			if err != io.EOF {
				t.Errorf("TryRead after Ctrl-D: %v", err)
			}
			n, err := TryRead(slave, buf)
			wouldBlock(t, n, err)
		})
	}
}

// A terminal that is to hand out several characters at once doesn't hold up who
// gets fewer.
func TestTryOfATerminalThatWaitsForMore(t *testing.T) {
	for _, tt := range []struct {
		vmin, vtime uint8
		perhaps     bool // poll may say that there is not enough
	}{
		{vmin: 5, vtime: 255},
		{vmin: 5, vtime: 0, perhaps: true},
		{vmin: 1, vtime: 0},
	} {
		for _, mode := range modes {
			// NetBSD heeds VTIME in non-blocking mode as well (ttread). FreeBSD's poll
			// takes any byte for enough (ttydisc_read_poll).
			waits := tt.vtime != 0 && (!mode.nonblock || runtime.GOOS == "netbsd") ||
				tt.vmin > 1 && !mode.nonblock && runtime.GOOS == "freebsd"
			if waits {
				continue
			}
			t.Run(fmt.Sprintf("VMIN %d VTIME %d/%s", tt.vmin, tt.vtime, mode.name), func(t *testing.T) {
				master, slave := situationPTY(t)
				raw(t, slave, tt.vmin, tt.vtime)
				unix.SetNonblock(slave, mode.nonblock)
				situationPut(t, master, "x")
				type result struct {
					n   int
					err error
				}
				c := make(chan result, 1)
				go func() {
					n, err := TryRead(slave, make([]byte, 10))
					c <- result{n, err}
				}()
				select {
				case r := <-c:
					if r.n == 1 && r.err == nil || tt.perhaps && r.err == ErrWouldBlock {
						return
					}
					t.Errorf("TryRead = %d, %v", r.n, r.err)
				case <-time.After(hang / 4): // VTIME is in tenths of a second
					t.Error("TryRead waits")
					situationPut(t, master, "more")
					<-c
				}
			})
		}
	}
}
