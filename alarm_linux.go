// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Alarms are timerfds, one for each wait by poll or select that has a timeout.
// After a process was stopped and continued, or frozen and thawed, Linux starts
// ppoll and pselect6 again with the time that was left at the stop
// (poll_select_finish in fs/select.c), while a timer goes on.
type alarms struct {
	mu   sync.Mutex
	idle []int // at most maxIdle
}

// set returns a descriptor that becomes readable when the timeout is over, -1 if
// there is none to be had, or no timeout.
func (a *alarms) set(timeout time.Duration) int {
	if timeout <= 0 {
		return -1
	}
	fd := a.get()
	if fd < 0 {
		return -1
	}
	limit := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(timeout))}
	if unix.TimerfdSettime(fd, 0, &limit, nil) != nil {
		a.put(fd)
		return -1
	}
	return fd
}

func (a *alarms) get() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.idle); n > 0 {
		fd := a.idle[n-1]
		a.idle = a.idle[:n-1]
		return fd
	}
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err == nil {
		fd, err = aboveStandard(fd)
	}
	if err != nil {
		return -1
	}
	return fd
}

// put takes a descriptor back. It is disarmed, and so unreadable: its number may be
// one that was closed while registered.
func (a *alarms) put(fd int) {
	unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{}, nil)
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.idle) < maxIdle {
		a.idle = append(a.idle, fd)
	} else {
		unix.Close(fd)
	}
}

func (a *alarms) release() {
	for _, fd := range a.idle {
		unix.Close(fd)
	}
}
