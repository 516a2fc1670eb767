// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// From when Fd was asked for the first time, waits block elsewhere.
func TestWaitsThatBeginAfterFdAreWoken(t *testing.T) {
	for _, tt := range []struct {
		name string
		ask  func(s *EpollSelector)
	}{
		{"Fd", func(s *EpollSelector) { s.Fd() }},
		{"Fd during a wait", func(s *EpollSelector) {
			blocked := startSelect(s, Forever)
			inKernel(s.set)
			s.Fd()
			stillBlocked(t, blocked)
			wakeup(t, s)
			wants(t, end(t, blocked))
		}},
		{"Fd during two waits", func(s *EpollSelector) {
			blocked := startSelects(s, Forever, 2)
			inKernel(s.set)
			s.Fd()
			stillBlocked(t, blocked)
			wakeup(t, s)
			for range 2 {
				wants(t, end(t, blocked))
			}
		}},
		{"a file that the kernel tells once", func(s *EpollSelector) {
			d := openFile(t, "/proc/self/mounts", unix.O_RDONLY)
			if _, err := s.Register(d.fd, EventPriority, nil); err == nil {
				unregister(t, s, d.fd)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := openEpoll(t)
			r, w := pipe(t)
			key := register(t, s, r.fd, EventRead, nil)
			tt.ask(s)
			for range 3 {
				for _, kind := range waitKinds {
					if strings.Contains(kind.name, "0") || strings.Contains(kind.name, "-1") {
						continue
					}
					blocked := start(s, func() ([]Ready, error) { return kind.wait(s) })
					stillBlocked(t, blocked)
					wakeup(t, s)
					wants(t, end(t, blocked))
				}
				idle(t, s)
				blocked := startSelect(s, Forever)
				fill(t, w)
				wants(t, end(t, blocked), Ready{key, EventRead})
				empty(t, r)
			}
			blocked := startSelect(s, Forever)
			s.Close()
			if a := end(t, blocked); !errors.Is(a.err, ErrClosed) {
				t.Errorf("Select = %v", a.err)
			}
		})
	}
}

// inKernel returns when a thread of this process sleeps in a wait for an epoll set, or
// in a poll. Where the system doesn't show that, it most often does.
func inKernel(set int) {
	sleeps := func() bool {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return true
		}
		shown := false
		for _, thread := range threads {
			line, err := os.ReadFile("/proc/self/task/" + thread.Name() + "/syscall")
			if err != nil {
				continue // it has ended
			}
			shown = true
			var call, first int
			if n, _ := fmt.Sscanf(string(line), "%d 0x%x", &call, &first); n < 2 {
				continue // it runs
			}
			switch call {
			case unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2:
				if first == set {
					return true
				}
			case unix.SYS_PPOLL:
				return true
			}
		}
		return !shown
	}
	if os.Getenv("SELECTORS_EMULATED") != "" {
		time.Sleep(settle)
		return
	}
	eventually("a wait sleeps in the kernel", sleeps)
}

// ownMounts runs the rest of a test in a process that sees its own mounts alone, and
// returns what changes them.
func ownMounts(t *testing.T) (change func(), child bool) {
	t.Helper()
	if !inChild(t, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}) {
		return nil, false
	}
	lines, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		if strings.Contains(line, " shared:") || strings.Contains(line, " master:") {
			t.Fatalf("what others mount would arrive here: %s", line)
		}
	}
	dir := t.TempDir()
	mounted := false
	change = func() {
		t.Helper()
		var err error
		if mounted {
			err = unix.Unmount(dir, 0)
		} else {
			err = unix.Mount("none", dir, "tmpfs", 0, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		mounted = !mounted
	}
	t.Cleanup(func() {
		if mounted {
			change()
		}
	})
	return change, true
}

// What the kernel tells once may have been registered for something else before. Who
// polls the selector's descriptor meanwhile takes nothing away.
func TestAModifyToEventPriorityOfWhatIsToldOnce(t *testing.T) {
	change, child := ownMounts(t)
	if !child {
		return
	}
	polled := func(s Selector) {
		if f, ok := s.(interface{ Fd() uintptr }); ok {
			unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}, 0)
		}
	}
	eachOf(t, linuxSelectors, func(t *testing.T, s Selector) {
		for _, once := range []EventMask{0, EventOnce} {
			for _, looked := range []bool{false, true} {
				d := openFile(t, "/proc/self/mounts", unix.O_RDONLY)
				key := register(t, s, d.fd, EventRead, nil)
				if looked {
					now(t, s, Ready{key, EventRead})
				}
				key = modify(t, s, d.fd, EventPriority|once, nil)
				polled(s)
				change()
				polled(s)
				if _, ok := s.(*EpollSelector); ok {
					poison(t, s) // the set is made anew
				}
				now(t, s, Ready{key, EventPriority})
				now(t, s)
				if once != 0 {
					change()
					polled(s)
					idle(t, s)
					key = modify(t, s, d.fd, EventPriority|once, nil)
					now(t, s, Ready{key, EventPriority})
					key = modify(t, s, d.fd, EventPriority|once, nil)
				}
				blocked := startSelect(s, Forever)
				stillBlocked(t, blocked)
				change()
				wants(t, end(t, blocked), Ready{key, EventPriority})
				unregister(t, s, d.fd)
				idle(t, s)
			}
		}
	})
}

func TestEpollRefusesItsOwnWakerWithEEXIST(t *testing.T) {
	for _, asked := range []bool{false, true} {
		for _, blocks := range []bool{false, true} {
			s := openEpoll(t)
			if asked {
				s.Fd()
			}
			var blocked <-chan answer
			if blocks {
				blocked = startSelect(s, Forever)
				inKernel(s.set)
			}
			for _, events := range []EventMask{EventRead, EventWrite | EventOnce, EventPriority} {
				key, err := s.Register(s.r, events, nil)
				refused(t, err, unix.EEXIST, "Register", "int", s.r)
				if key != nil || s.GetMap().Len() != 0 {
					t.Errorf("there is the key %v", key)
				}
			}
			if blocked == nil {
				blocked = startSelect(s, Forever)
			}
			wakeup(t, s)
			wants(t, end(t, blocked))
			idle(t, s)
		}
	}
}
