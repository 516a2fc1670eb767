// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// Many waits that found much at once leave no buffers for that behind, but for a
// few.
func TestManyWaitsLeaveFewBuffersBehind(t *testing.T) {
	const waits, descriptors = 100, 150
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		for range descriptors {
			register(t, s, dup(t, r, 0).fd, EventRead, nil)
		}
		b := observe(s)
		c := startSelects(s, Forever, waits)
		if n := b.kept.Load(); n < waits {
			t.Errorf("%d waits have %d buffers", waits, n)
		}
		fill(t, w)
		for range waits {
			if a := end(t, c); a.err != nil || len(a.ready) == 0 {
				t.Fatal(format(a.ready), a.err)
			}
		}
		eventually("the buffers are collected", func() bool {
			runtime.GC()
			return b.kept.Load() <= waits/5
		})
		runtime.KeepAlive(s)
	})
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

func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}
