// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"runtime"
	"testing"
)

// What is registered no more costs nothing until Close either.

func TestTheTableGivesItsPagesBack(t *testing.T) {
	const n = 100_000
	s := new(core)
	s.init(nothing{}, nothing{})
	before := heap()
	for i := range n {
		if _, err := s.Register((i+1)<<slotShift, EventRead, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if _, err := s.Unregister((i + 1) << slotShift); err != nil {
			t.Fatal(err)
		}
	}
	if left := heap() - before; left > n*4 {
		t.Errorf("%d bytes are left of %d registrations", left, n)
	}
	runtime.KeepAlive(s)
	s.Close()
}

// collectable returns data of a key, and a function that waits until it is
// collected.
func collectable() (data any, await func(what string)) {
	p := new([64]byte)
	gone := make(chan struct{})
	runtime.AddCleanup(p, func(gone chan struct{}) { close(gone) }, gone)
	return p, func(what string) {
		eventually(what, func() bool {
			runtime.GC()
			select {
			case <-gone:
				return true
			default:
				return false
			}
		})
	}
}

func TestACallThatFailsKeepsNothingAlive(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		fd := fdOf(t, c)
		var awaits []func(string)
		data := func() any {
			d, await := collectable()
			awaits = append(awaits, await)
			return d
		}
		register(t, s, fd, EventRead, data())
		if _, err := s.Register(fd, EventRead, data()); err == nil {
			t.Error("Register of a registered descriptor")
		}
		if _, err := s.Modify(fd, 0, data()); err == nil {
			t.Error("Modify to no event")
		}
		c.Close()
		if _, err := s.Modify(fd, EventWrite, data()); err == nil {
			t.Error("Modify of a closed descriptor")
		}
		if _, err := s.Register(fd, EventWrite, data()); err == nil {
			t.Error("Register of a closed descriptor")
		}
		for _, await := range awaits {
			await("what failed is collected")
		}
		now(t, s)
	})
}
