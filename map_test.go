// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"runtime"
	"testing"
	"time"
)

func TestTheMapIsALiveView(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := s.GetMap()
		a, b := writable(t), writable(t)
		check := func(want ...*SelectorKey) {
			t.Helper()
			if m.Len() != len(want) {
				t.Errorf("Len = %d, want %d", m.Len(), len(want))
			}
			all, keys, values := map[int]*SelectorKey{}, map[int]int{}, map[*SelectorKey]int{}
			for fd, key := range m.All() {
				if all[fd] != nil {
					t.Errorf("%d twice", fd)
				}
				all[fd] = key
			}
			for fd := range m.Keys() {
				keys[fd]++
			}
			for key := range m.Values() {
				values[key]++
			}
			if len(all) != len(want) || len(keys) != len(want) || len(values) != len(want) {
				t.Errorf("%d, %d and %d keys, want %d", len(all), len(keys), len(values), len(want))
			}
			for _, key := range want {
				if all[key.FD] != key || keys[key.FD] != 1 || values[key] != 1 {
					t.Errorf("%+v is missing, or there twice", key)
				}
				for _, obj := range []any{key.FileObj, key.FD} {
					if got, ok := m.Get(obj); got != key || !ok {
						t.Errorf("Get(%T) = %v, %v", obj, got, ok)
					}
				}
			}
		}
		check()
		if key, ok := m.Get(a); key != nil || ok {
			t.Errorf("Get = %v, %v", key, ok)
		}
		ka := register(t, s, a, EventRead, nil)
		check(ka)
		kb := register(t, s, b, EventRead, nil)
		check(ka, kb)
		ka = modify(t, s, a, EventWrite, nil)
		check(ka, kb)
		unregister(t, s, b)
		check(ka)
		s.Close()
		check()
		if key, ok := m.Get(a); key != nil || ok {
			t.Errorf("Get after Close = %v, %v", key, ok)
		}
	})
}

func TestEveryMethodWorksOnANilMap(t *testing.T) {
	var m *Map
	if m.Len() != 0 {
		t.Errorf("Len = %d", m.Len())
	}
	if key, ok := m.Get(0); key != nil || ok {
		t.Errorf("Get = %v, %v", key, ok)
	}
	if key, ok := m.Get(nil); key != nil || ok {
		t.Errorf("Get = %v, %v", key, ok)
	}
	for range m.All() {
		t.Error("All yields")
	}
	for range m.Keys() {
		t.Error("Keys yields")
	}
	for range m.Values() {
		t.Error("Values yields")
	}
}

func TestTheBodyOfALoopOverTheMapMayCallAnyMethod(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := s.GetMap()
		fill := func() (keys map[int]bool) {
			keys = make(map[int]bool)
			for range 10 {
				keys[register(t, s, writable(t), EventRead, nil).FD] = true
			}
			return keys
		}
		clear := func() {
			for fd := range m.Keys() {
				unregister(t, s, fd)
			}
			if m.Len() != 0 {
				t.Fatalf("%d keys are left", m.Len())
			}
		}
		within(t, "the loop", func() {
			// Each key is taken away as it is yielded.
			fill()
			clear()

			// Every other key is taken away at the first.
			keys := fill()
			seen := make(map[int]int)
			for fd := range m.All() {
				if len(seen) == 0 {
					for other := range keys {
						if other != fd && len(keys) > 5 {
							unregister(t, s, other)
							delete(keys, other)
						}
					}
				}
				seen[fd]++
			}
			for fd := range keys {
				if seen[fd] != 1 {
					t.Errorf("%d, there throughout, was yielded %d times", fd, seen[fd])
				}
			}
			if len(seen) != len(keys) {
				t.Errorf("%d keys were yielded, %d are there", len(seen), len(keys))
			}
			clear()

			// Keys are changed, added, and one goes and comes.
			keys = fill()
			seen = make(map[int]int)
			added := 0
			for key := range m.Values() {
				seen[key.FD]++
				modify(t, s, key.FD, EventWrite, "new")
				unregister(t, s, key.FD)
				register(t, s, key.FileObj, EventRead, nil)
				if added < 5 {
					added++
					register(t, s, writable(t), EventRead, nil)
				}
				if _, err := s.Select(0); err != nil {
					t.Error(err)
				}
				for range m.Keys() {
					break
				}
				m.Len()
				s.Wakeup()
			}
			for fd, n := range seen {
				if n != 1 {
					t.Errorf("%d was yielded %d times", fd, n)
				}
			}
			for fd := range keys {
				if seen[fd] != 1 {
					t.Errorf("%d was yielded %d times", fd, seen[fd])
				}
			}

			n := 0
			for range m.All() {
				n++
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if n != 1 {
				t.Errorf("%d keys of a closed selector", n)
			}
		})
	})
}

func TestALoopOverTheMapMayBeLeft(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		for range 3 {
			register(t, s, writable(t), EventRead, nil)
		}
		n := 0
		for range s.GetMap().All() {
			n++
			break
		}
		for range s.GetMap().Keys() {
			n++
			break
		}
		for range s.GetMap().Values() {
			n++
			break
		}
		if n != 3 {
			t.Errorf("%d rounds", n)
		}
	})
}

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
