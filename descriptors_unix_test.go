// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

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

// openAndDrop opens a selector that nobody closes, and returns its descriptors.
func openAndDrop(t *testing.T, tt selectorUnderTest) (fds []int) {
	before := openDescriptors()
	s, err := tt.open()
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := s.(interface{ Fd() uintptr }); ok {
		f.Fd()
	}
	s.Select(1)
	for _, fd := range openDescriptors() {
		if !slices.Contains(before, fd) {
			fds = append(fds, fd)
		}
	}
	return fds
}

func TestADroppedSelectorGivesItsDescriptorsBack(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			fds := openAndDrop(t, tt)
			if len(fds) == 0 {
				t.Fatal("it has none")
			}
			eventually("its descriptors are closed", func() bool {
				runtime.GC()
				return !slices.ContainsFunc(fds, isOpen)
			})

			// One that was closed doesn't close them again.
			r, _ := pipe(t)
			s, err := tt.open()
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			s = nil
			var others []*ownFD
			for range 10 {
				others = append(others, dup(t, r, 0))
			}
			for range 5 {
				runtime.GC()
				runtime.Gosched()
			}
			later := openAndDrop(t, tt) // what was to be collected before is collected with it
			eventually("the descriptors of a later one are closed", func() bool {
				runtime.GC()
				return !slices.ContainsFunc(later, isOpen)
			})
			for _, d := range others {
				if !isOpen(d.fd) {
					t.Errorf("%d was closed", d.fd)
				}
			}
		})
	}
}
