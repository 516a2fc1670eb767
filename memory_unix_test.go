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
