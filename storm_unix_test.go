// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// file registers a pipe's read end in a storm, unless another one's key still
// has its number.
func (m *storm) file(events EventMask) (r, w int, rec *record) {
	r, w = m.pipe()
	rec = &record{reported: make(chan EventMask, 1)}
	if _, err := m.s.Register(r, events, rec); err != nil {
		if !errors.Is(err, ErrRegistered) {
			m.check(err)
		}
		rec = nil
	}
	return r, w, rec
}

func (m *storm) pipe() (r, w int) {
	var p [2]int
	m.check(unix.Pipe(p[:]))
	return p[0], p[1]
}

func (m *storm) write(fd int) {
	_, err := unix.Write(fd, []byte("x"))
	m.check(err)
}

// stormWorkers open, register, duplicate and close without regard to order.
func (m *storm) stormWorkers() []func() {
	inOrder := func() {
		r, w, rec := m.file(EventRead)
		if rec != nil {
			m.write(w)
			m.expect(rec, EventRead)
			m.unregister(r, rec)
		}
		unix.Close(r)
		unix.Close(w)
	}
	survivor := func() { // a duplicate keeps the file open and ready
		r, w, rec := m.file(EventRead)
		d, err := unix.Dup(r)
		m.check(err)
		m.write(w)
		if rec != nil {
			m.expect(rec, EventRead)
		}
		unix.Close(r)
		if rec != nil {
			runtime.Gosched()
			m.unregister(r, rec)
		}
		time.Sleep(100 * time.Microsecond)
		unix.Close(d)
		unix.Close(w)
	}
	closedFirst := func() {
		r, w, rec := m.file(EventRead)
		unix.Close(r)
		if rec != nil {
			runtime.Gosched()
			m.unregister(r, rec)
		}
		unix.Close(w)
	}
	modified := func() {
		r, w, rec := m.file(EventRead | EventWrite)
		unix.Close(r)
		if rec != nil {
			runtime.Gosched()
			if _, err := m.s.Modify(r, EventRead, rec); err == nil {
				m.unregister(r, rec) // another file has the number
			} else if errors.Is(err, unix.EBADF) {
				rec.gone.Store(m.clock.Add(1))
			} else {
				m.check(err)
			}
		}
		unix.Close(w)
	}
	return []func(){inOrder, inOrder, survivor, survivor, closedFirst, modified}
}

// DragonFly 5.9 itself panics in the second round of PollSelector ("kqueue:
// checkloop failed"): skip that one there.
func TestNothingIsLostOrReportedLateWhileDescriptorsAreClosedAndReused(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := newStorm(t, s)
		m.run(m.stormWorkers()...)
	})
}
