// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
)

// File objects are found by their identity, with what Go's maps make of it.

// hashPanics is comparable for package reflect, but no map can hash it.
type hashPanics struct {
	fd uintptr
	_  [0]struct{ _ func() }
}

func (h hashPanics) Fd() uintptr { return h.fd }

// holdsFunc can be compared as long as it has no function.
type holdsFunc struct {
	fd uintptr
	f  any
}

func (h holdsFunc) Fd() uintptr { return h.fd }

// fdPanics has no descriptor to give.
type fdPanics struct{ fd uintptr }

func (*fdPanics) Fd() uintptr { panic("Fd") }

// notEqual is a file object that isn't equal to itself.
type notEqual struct {
	fd  uintptr
	nan float64
	own *[64]byte
}

func (n notEqual) Fd() uintptr { return n.fd }

// Whatever a file object does, it leaves the selector as it was.
func TestAFileObjectThatPanicsHarmsNoOtherCall(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		other := writable(t)
		key := register(t, s, other, EventRead, nil)
		fd := uintptr(fdOf(t, writable(t)))
		for _, fileobj := range []any{
			hashPanics{fd: fd}, holdsFunc{fd, func() {}}, [1]holdsFunc{{fd, func() {}}}, &fdPanics{fd},
		} {
			for _, call := range append(keyCalls, keyCalls[0]) {
				within(t, call.name, func() {
					defer func() {
						if p := recover(); p != nil && p != "Fd" {
							t.Errorf("%s of %T panics: %v", call.name, fileobj, p)
						}
					}()
					call.do(s, fileobj, EventRead)
				})
				within(t, fmt.Sprintf("a call after %s of %T", call.name, fileobj), func() {
					now(t, s)
					if got, err := s.GetKey(other); got != key || err != nil {
						t.Errorf("GetKey = %v, %v", got, err)
					}
				})
			}
			s.Unregister(int(fd))
		}
		within(t, "Close", func() { s.Close() })
	})
}

func TestAnObjectThatIsNotEqualToItselfIsNotKept(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		fd := fdOf(t, writable(t))
		var collected atomic.Bool
		func() {
			obj := notEqual{uintptr(fd), math.NaN(), new([64]byte)}
			runtime.SetFinalizer(obj.own, func(*[64]byte) { collected.Store(true) })
			key := register(t, s, obj, EventRead, nil)
			if got := unregister(t, s, obj); got != key {
				t.Errorf("Unregister = %v", got)
			}
		}()
		eventually("the object is collected", func() bool {
			runtime.GC()
			return collected.Load()
		})
		now(t, s)
	})
}

// An object that was registered under several descriptors, as one whose
// connection is made anew, is that of the oldest one that is left.
func TestAnObjectOfSeveralDescriptorsIsFoundByWhatIsLeft(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}} {
			obj := &fdObject{}
			var keys []*SelectorKey
			for range order {
				obj.fd = uintptr(fdOf(t, writable(t)))
				keys = append(keys, register(t, s, obj, EventRead, nil))
			}
			obj.fd = ^uintptr(0) // closed
			for _, i := range order {
				oldest := 0
				for keys[oldest] == nil {
					oldest++
				}
				if got, err := s.GetKey(obj); got != keys[oldest] || err != nil {
					t.Errorf("order %v: GetKey = %v, %v, want %v", order, got, err, keys[oldest])
				}
				unregister(t, s, keys[i].FD)
				keys[i] = nil
			}
			if got, err := s.GetKey(obj); !errors.Is(err, ErrInvalidFileObj) {
				t.Errorf("GetKey of an object without a key = %v, %v", got, err)
			}
		}
	})
}

func TestEveryMethodWorksOnAZeroMap(t *testing.T) {
	m := new(Map)
	if m.Len() != 0 {
		t.Errorf("Len = %d", m.Len())
	}
	for _, fileobj := range []any{nil, 0} {
		if key, ok := m.Get(fileobj); key != nil || ok {
			t.Errorf("Get = %v, %v", key, ok)
		}
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

// Who writes to a key that it was given can't be helped, but others are.
func TestAKeyThatWasWrittenToHarmsNoOtherKey(t *testing.T) {
	for _, written := range []SelectorKey{
		{}, {FD: -1, Events: math.MaxUint32}, {FD: math.MaxInt}, {FileObj: func() {}, FD: math.MinInt},
	} {
		each(t, func(t *testing.T, s Selector) {
			a := writable(t)
			c, gone := writable(t), writable(t)
			key := register(t, s, c, EventWrite, "other")
			fd := fdOf(t, a)
			register(t, s, a, EventRead, nil)
			goneFD := fdOf(t, gone)
			for _, k := range []*SelectorKey{register(t, s, gone, EventRead, nil), modify(t, s, a, EventRead, "new")} {
				*k = written
			}
			gone.Close()
			for range 2 {
				soon(t, s, Ready{key, EventWrite})
			}
			if got, err := s.GetKey(c); got != key || err != nil {
				t.Errorf("GetKey = %v, %v", got, err)
			}
			n := 0
			for range s.GetMap().All() {
				n++
			}
			if n != 3 || s.GetMap().Len() != 3 {
				t.Errorf("%d keys, Len = %d", n, s.GetMap().Len())
			}
			if _, err := s.Modify(fd, EventRead|EventWrite, nil); err != nil {
				t.Errorf("Modify: %v", err)
			}
			for _, number := range []int{fd, goneFD} {
				if _, err := s.Unregister(number); err != nil {
					t.Errorf("Unregister: %v", err)
				}
			}
			for range 2 {
				soon(t, s, Ready{key, EventWrite})
			}
		})
	}
}
