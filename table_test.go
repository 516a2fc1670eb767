// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"runtime"
	"testing"
	"time"
)

// nothing is a backend that takes everything and does nothing.
type nothing struct{}

func (nothing) add(int, *entry) error               { return nil }
func (nothing) modify(int, EventMask, *entry) error { return nil }
func (nothing) remove(int, *entry)                  {}
func (nothing) look(dst []Ready) ([]Ready, error)   { return dst, nil }
func (nothing) prepare() error                      { return nil }
func (nothing) wait(time.Duration) (bool, error)    { return true, nil }
func (nothing) take(dst []Ready) ([]Ready, error)   { return dst, nil }
func (nothing) wake() error                         { return nil }
func (nothing) drain()                              {}
func (nothing) release()                            {}

// The table holds a million registrations (in the long form), the last as cheap
// as the first, and gives the memory back.
func TestTheTableIsFlatHoweverManyAreRegistered(t *testing.T) {
	const chunk, limit = 100_000, 120
	total := rounds(1, 3, 10) * chunk
	s := new(core)
	s.init(nothing{}, nothing{})
	empty := heap()
	for n := 0; n < total; n += chunk {
		before, start := heap(), time.Now()
		for i := n; i < n+chunk; i++ {
			if _, err := s.Register((i+1)<<slotShift, EventRead, nil); err != nil {
				t.Fatal(err)
			}
		}
		took := time.Since(start)
		bytes := float64(heap()-before) / chunk
		t.Logf("%7d registrations: %5.1f bytes and %4d ns each", n+chunk, bytes, took.Nanoseconds()/chunk)
		if bytes > limit {
			t.Errorf("from %d on %.1f bytes each, more than %d", n, bytes, limit)
		}
	}
	if n := s.GetMap().Len(); n != total {
		t.Errorf("%d keys", n)
	}
	for i := range total {
		fd := (i + 1) << slotShift
		if key, err := s.GetKey(fd); err != nil || key.FD != fd {
			t.Fatal(key, err)
		}
		if _, err := s.Unregister(fd); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := heap() - empty; left > 1<<20 {
		t.Errorf("%d bytes are left of a closed selector", left)
	}
	runtime.KeepAlive(s)
}

// heap returns how many bytes of the heap are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
