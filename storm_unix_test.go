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
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		m.t.Error(err)
		return
	}
	rec = &record{reported: make(chan EventMask, 1)}
	if _, err := m.s.Register(p[0], events, rec); err != nil {
		if !errors.Is(err, ErrRegistered) {
			m.t.Errorf("Register: %v", err)
		}
		rec = nil
	}
	return p[0], p[1], rec
}

// stormWorkers open, register, duplicate and close without regard to order.
func (m *storm) stormWorkers() []func() {
	write := func(fd int) {
		if _, err := unix.Write(fd, []byte("x")); err != nil {
			m.t.Error(err)
		}
	}
	inOrder := func() {
		r, w, rec := m.file(EventRead)
		if rec != nil {
			write(w)
			m.expect(rec, EventRead)
			m.unregister(r, rec)
		}
		unix.Close(r)
		unix.Close(w)
	}
	survivor := func() { // a duplicate keeps the file open and ready
		r, w, rec := m.file(EventRead)
		d, err := unix.Dup(r)
		if err != nil {
			m.t.Error(err)
		}
		write(w)
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
				m.t.Errorf("Modify: %v", err)
			}
		}
		unix.Close(w)
	}
	return []func(){inOrder, inOrder, survivor, survivor, closedFirst, modified}
}

func TestNothingIsLostOrReportedLateWhileDescriptorsAreClosedAndReused(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := &storm{t: t, s: s}
		m.run(m.stormWorkers()...)
	})
}
