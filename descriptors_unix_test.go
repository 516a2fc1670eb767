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
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openDescriptors returns those that are open.
func openDescriptors() (fds []int) {
	for fd := range 4096 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds
}

func TestEveryDescriptorThatASelectorOpensIsCloseOnExec(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			r, w := pipe(t)
			fill(t, w)
			before := openDescriptors()
			s := open(t, tt)
			check := func() {
				t.Helper()
				opened := 0
				for _, fd := range openDescriptors() {
					if slices.Contains(before, fd) {
						continue
					}
					opened++
					flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
					if err != nil {
						t.Fatal(err)
					}
					if flags&unix.FD_CLOEXEC == 0 {
						t.Errorf("%d is not close-on-exec", fd)
					}
				}
				if opened == 0 {
					t.Error("none was opened")
				}
			}
			check()
			key := register(t, s, r.fd, EventRead, nil)
			now(t, s, Ready{key, EventRead})
			wakeup(t, s)
			s.Select(Forever)
			check()
			// A duplicate stays, so that epoll needs another set.
			d := dup(t, r, 0)
			before = append(before, d.fd)
			r.close()
			unregister(t, s, r.fd)
			now(t, s)
			check()
		})
	}
}

func TestDescriptorsAreBackToTheirNumberAfterClose(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := pipe(t)
			before := openDescriptors()
			for _, waits := range []int{0, 1, 3} {
				s, err := tt.open()
				if err != nil {
					t.Fatal(err)
				}
				register(t, s, r.fd, EventRead, nil)
				c := startSelects(s, Forever, waits)
				s.Close()
				for range waits {
					if a := end(t, c); !errors.Is(a.err, ErrClosed) {
						t.Errorf("Select = %v", a.err)
					}
				}
				if after := openDescriptors(); !slices.Equal(before, after) {
					t.Errorf("open descriptors: %v, before %v", after, before)
				}
			}
		})
	}
}

// setLimit allows the process the descriptors below n, or says why not. They
// are what they were when the test ends.
func setLimit(t *testing.T, n int) error {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	limit := old
	setRlim(&limit.Cur, n)
	if int64(old.Max) >= 0 && uint64(old.Max) < uint64(n) {
		setRlim(&limit.Max, n) // which root may
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	})
	return nil
}

// setRlim takes a limit as the system has it, signed or not.
func setRlim[T int64 | uint64](limit *T, n int) { *limit = T(n) }

// raiseLimit lets the process have the descriptors below n.
func raiseLimit(t *testing.T, n int) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if uint64(limit.Cur) >= uint64(n) {
		return
	}
	err := setLimit(t, n)
	if err == nil { // FreeBSD and DragonFly cut it without a word (kern_proc_setrlimit)
		err = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	}
	if err != nil || uint64(limit.Cur) < uint64(n) {
		t.Skipf("the test needs descriptors up to %d, the system allows those below %d: %v", n-1, limit.Cur, err)
	}
}

// takeBelow takes every free descriptor below n.
func takeBelow(t *testing.T, d *ownFD, n int) (taken []*ownFD) {
	t.Helper()
	for {
		c := dup(t, d, 0)
		if c.fd >= n {
			c.close()
			return taken
		}
		taken = append(taken, c)
	}
}

// takeAll lets the process have no descriptor but those that it has, and some that
// it returns.
func takeAll(t *testing.T, d *ownFD) (taken []*ownFD) {
	t.Helper()
	for range 20 {
		taken = append(taken, dup(t, d, 0))
	}
	// They are the lowest that were free. DragonFly keeps to such a limit alone:
	// below another it finds free numbers beyond it (fdalloc_locked).
	limit := 63
	for limit <= taken[len(taken)-1].fd {
		limit = 2*limit + 1
	}
	if err := setLimit(t, limit); err != nil {
		t.Fatal(err)
	}
	for {
		fd, err := unix.Dup(d.fd)
		if err == unix.EMFILE {
			return taken
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
	}
}

func TestAConstructorOutOfDescriptorsFailsAndLeavesNoneBehind(t *testing.T) {
	constructors := append(slices.Clone(selectorsUnderTest), selectorUnderTest{"NewDefaultSelector", NewDefaultSelector})
	for _, tt := range constructors {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := pipe(t)
			taken := takeAll(t, r)
			for free := 0; ; free++ {
				before := openDescriptors()
				s, err := tt.open()
				if err == nil {
					s.Close()
					if free == 0 {
						t.Error("it needs no descriptor")
					}
					return
				}
				var se *os.SyscallError
				if s != nil || !errors.As(err, &se) || !errors.Is(err, unix.EMFILE) {
					t.Errorf("with %d free descriptors: %v, %v", free, s, err)
				}
				if after := openDescriptors(); !slices.Equal(before, after) {
					t.Errorf("with %d free descriptors: open are %v, before %v", free, after, before)
				}
				if free == 10 {
					t.Fatal("it fails though there are 10 descriptors")
				}
				taken[free].close()
			}
		})
	}
}

const setSize = max(len(unix.FdSet{}.Bits)*unix.NFDBITS, 1024)

func TestADescriptorBeyondTheSetsOfSelectIsEINVAL(t *testing.T) {
	raiseLimit(t, max(setSize, 5000)+100)
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		fill(t, w)
		for _, least := range []int{setSize - 1, setSize, 5000} {
			d := dup(t, r, least)
			for d.fd >= setSize && least < setSize { // it is another one's
				d.close()
				least--
				d = dup(t, r, least)
			}
			key, err := s.Register(d.fd, EventRead, nil)
			if _, ok := s.(*SelectSelector); ok && d.fd >= setSize {
				refused(t, err, unix.EINVAL, "Register", "int", d.fd)
				if key != nil || s.GetMap().Len() != 0 {
					t.Error("there is a key")
				}
				now(t, s)
			} else {
				if err != nil {
					t.Fatal(err)
				}
				now(t, s, Ready{key, EventRead})
				blocked := startSelect(s, Forever)
				wants(t, end(t, blocked), Ready{key, EventRead})
				unregister(t, s, d.fd)
			}
			d.close()
		}
	})
}

func TestNewSelectSelectorWithAllLowDescriptorsTakenIsEINVAL(t *testing.T) {
	raiseLimit(t, setSize+100)
	r, _ := pipe(t)
	taken := takeBelow(t, r, setSize)
	before := openDescriptors()
	s, err := NewSelectSelector()
	var se *os.SyscallError
	if s != nil || !errors.As(err, &se) || !errors.Is(err, unix.EINVAL) {
		t.Errorf("NewSelectSelector = %v, %v", s, err)
	}
	if after := openDescriptors(); !slices.Equal(before, after) {
		t.Errorf("open descriptors: %v, before %v", after, before)
	}
	// One below FD_SETSIZE is enough for it to wait and to be woken, or it
	// says that it isn't.
	for i := range 3 {
		taken[i].close()
		s, err := NewSelectSelector()
		if err != nil {
			if !errors.Is(err, unix.EINVAL) {
				t.Error(err)
			}
			continue
		}
		blocked := startSelect(s, Forever)
		wakeup(t, s)
		wants(t, end(t, blocked))
		s.Close()
	}
}

// nests reports whether a selector can be registered in another.
func nests(s Selector) bool {
	_, ok := s.(interface{ Fd() uintptr })
	return ok && !strings.Contains(fmt.Sprintf("%T", s), "Devpoll")
}

func TestASelectorWithFdCanBeRegisteredInAnother(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			inner := open(t, tt)
			if !nests(inner) {
				t.Skip("it has no descriptor that can be polled")
			}
			each(t, func(t *testing.T, outer Selector) {
				r, w := pipe(t)
				key := register(t, inner, r.fd, EventRead, nil)
				defer inner.Unregister(r.fd)
				outerKey := register(t, outer, inner, EventRead, nil)
				now(t, outer)
				blocked := startSelect(outer, Forever)
				fill(t, w)
				wants(t, end(t, blocked), Ready{outerKey, EventRead})
				now(t, inner, Ready{key, EventRead})
				unregister(t, outer, inner)
			})
			if key, err := inner.Register(inner, EventRead, nil); key != nil || err == nil {
				t.Errorf("Register in itself = %v, %v", key, err)
			}
			if inner.GetMap().Len() != 0 {
				t.Error("there is a key")
			}
		})
	}
}
