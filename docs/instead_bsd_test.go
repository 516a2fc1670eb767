// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package docs

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors"
)

func waitByKevent(fd int) (readable, writable bool, err error) {
	kq, err := unix.Kqueue()
	if err != nil {
		return false, false, err
	}
	defer unix.Close(kq)
	changes := make([]unix.Kevent_t, 2)
	unix.SetKevent(&changes[0], fd, unix.EVFILT_READ, unix.EV_ADD)
	unix.SetKevent(&changes[1], fd, unix.EVFILT_WRITE, unix.EV_ADD)
	events := make([]unix.Kevent_t, 2)
	for {
		n, err := unix.Kevent(kq, changes, events, nil)
		if err == unix.EINTR {
			changes = nil // they were applied
			continue
		}
		if err != nil {
			return false, false, err
		}
		for _, e := range events[:n] { // one for each filter
			if e.Flags&unix.EV_ERROR != 0 {
				return false, false, unix.Errno(e.Data)
			}
			readable = readable || e.Filter == unix.EVFILT_READ
			writable = writable || e.Filter == unix.EVFILT_WRITE
		}
		return readable, writable, nil
	}
}

func waitByKqueueSelector(fd int) (readable, writable bool, err error) {
	sel, err := selectors.NewKqueueSelector()
	if err != nil {
		return false, false, err
	}
	defer sel.Close()
	if _, err := sel.Register(fd, selectors.EventRead|selectors.EventWrite, nil); err != nil {
		return false, false, err
	}
	ready, err := sel.Select(selectors.Forever)
	if err != nil || len(ready) == 0 {
		return false, false, err
	}
	events := ready[0].Events // one for both
	return events&selectors.EventRead != 0, events&selectors.EventWrite != 0, nil
}

func TestWaitForReadingAndWriting(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	for name, wait := range map[string]func(int) (bool, bool, error){"kevent": waitByKevent, "selector": waitByKqueueSelector} {
		if r, w, err := wait(pair[0]); r || !w || err != nil {
			t.Errorf("%s: %v, %v, %v", name, r, w, err)
		}
	}
}
