// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The descriptors that a selector opens are its own, but nothing keeps others
// from writing to them, or closing them.

func (k *waker) wakerOf() *waker { return k }

func TestWhatOthersWriteToTheWakerIsDrained(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		t.Parallel()
		own, ok := s.(interface{ wakerOf() *waker })
		if !ok {
			t.Skip("this selector is woken by an event of the kernel's")
		}
		write := func(n int) {
			for range n {
				if err := own.wakerOf().wake(); err != nil {
					t.Fatal(err)
				}
			}
		}
		b := observe(s)
		register(t, s, writable(t), EventRead, nil)
		write(1000)
		now(t, s)
		write(1000)
		idle(t, s)
		write(1000)
		blocked := startSelect(s, Forever)
		write(3)
		stillBlocked(t, blocked)
		wakeup(t, s)
		wants(t, end(t, blocked))
		idle(t, s)
		if n := b.turns.Load(); n > few {
			t.Errorf("%d turns of three waits", n)
		}
	})
}

func TestAWaitWhoseDescriptorsWereClosedByOthersFails(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := pipe(t)
			before := openDescriptors()
			s := open(t, tt)
			register(t, s, r.fd, EventRead, nil)
			// They are given back, so that Close doesn't close another's.
			kept := make(map[int]*ownFD)
			for _, fd := range openDescriptors() {
				if !slices.Contains(before, fd) {
					kept[fd] = dup(t, &ownFD{fd: fd}, 200)
				}
			}
			for fd := range kept {
				unix.Close(fd)
			}
			a := end(t, startSelect(s, Forever))
			var se *os.SyscallError
			if len(a.ready) != 0 || !errors.Is(a.err, unix.EBADF) || !errors.As(a.err, &se) {
				t.Errorf("Select = %v, %v, want an *os.SyscallError around EBADF", format(a.ready), a.err)
			}
			for fd, k := range kept {
				if err := unix.Dup2(k.fd, fd); err != nil {
					t.Error(err)
				}
				unix.CloseOnExec(fd)
			}
		})
	}
}

// ownDescriptors makes a selector open all that it ever opens, and calls after
// when it did something.
func ownDescriptors(tt selectorUnderTest, stale staleFD, after func(what string)) error {
	s, err := tt.open()
	if err != nil {
		return err
	}
	defer s.Close()
	after("the constructor")
	if _, err := s.Select(time.Millisecond); err != nil {
		return err
	}
	after("a wait with a timeout")
	if f, ok := s.(interface{ Fd() uintptr }); ok {
		f.Fd()
		after("Fd")
	}
	if _, err := s.Register(stale.r.fd, EventRead, nil); err != nil {
		return err
	}
	stale.r.close()
	if _, err := s.Unregister(stale.r.fd); err != nil {
		return err
	}
	if ready, err := s.Select(0); err != nil || len(ready) != 0 {
		return fmt.Errorf("Select = %v, %v", format(ready), err)
	}
	after("Select beside what is left of a closed descriptor")
	return nil
}

// A staleFD is the read end of a pipe that is ready and has a duplicate.
type staleFD struct{ r *ownFD }

func newStaleFD(t *testing.T) staleFD {
	t.Helper()
	r, w := pipe(t)
	fill(t, w)
	dup(t, r, 0)
	return staleFD{r}
}

// withoutStandardFiles runs f in a process without standard input, output and
// error.
func withoutStandardFiles(t *testing.T, f func() error) {
	t.Helper()
	// The runtime opens descriptors of its own for this.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var kept [3]int
	for fd := range kept {
		if kept[fd], err = unix.Dup(fd); err != nil {
			t.Fatal(err)
		}
	}
	for fd := range kept {
		unix.Close(fd)
	}
	err = f()
	for fd := range kept {
		unix.Close(fd)
	}
	for want, k := range kept { // the lowest free number is the next one
		if fd, e := unix.Dup(k); fd != want {
			err = errors.Join(err, fmt.Errorf("the duplicate of %d is %d, %v", k, fd, e))
		}
		unix.Close(k)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestNoDescriptorOfASelectorIsAStandardOne(t *testing.T) {
	if !inChild(t, nil) {
		return
	}
	for _, tt := range selectorsUnderTest {
		stale := newStaleFD(t)
		withoutStandardFiles(t, func() (err error) {
			e := ownDescriptors(tt, stale, func(what string) {
				for fd := range 3 {
					if _, e := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); e == nil && err == nil {
						err = fmt.Errorf("%s: %d is open after %s", tt.name, fd, what)
					}
				}
			})
			return errors.Join(err, e)
		})
	}
}
