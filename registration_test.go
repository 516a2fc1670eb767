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
	"time"
)

func TestRegisterReturnsTheKeyOfTheRegistration(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		data := new(int)
		key := register(t, s, a, EventRead|EventWrite, data)
		if key.FileObj != any(a) || key.FD != fdOf(t, a) || key.Events != EventRead|EventWrite || key.Data != any(data) {
			t.Errorf("key %+v", key)
		}
		if got, err := s.GetKey(a); got != key || err != nil {
			t.Errorf("GetKey = %p, %v, want %p", got, err, key)
		}
		if got, err := s.GetKey(fdOf(t, a)); got != key || err != nil {
			t.Errorf("GetKey of the descriptor = %p, %v, want %p", got, err, key)
		}
		soon(t, s, Ready{key, EventWrite})
	})
}

func TestUnregisterReturnsTheKeyAndEndsTheRegistration(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		key := register(t, s, c, EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		if got := unregister(t, s, fdOf(t, c)); got != key {
			t.Errorf("Unregister = %p, want %p", got, key)
		}
		now(t, s)
		if _, err := s.GetKey(c); !errors.Is(err, ErrNotRegistered) {
			t.Errorf("GetKey: %v", err)
		}
		if n := s.GetMap().Len(); n != 0 {
			t.Errorf("%d keys", n)
		}
		again := register(t, s, c, EventWrite, nil)
		if again == key {
			t.Error("the key of an earlier registration")
		}
		soon(t, s, Ready{again, EventWrite})
	})
}

func TestModifyMakesANewKeyEachTime(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		first := register(t, s, a, EventRead, "first")
		before := *first
		now(t, s)
		for _, tt := range []struct {
			events EventMask
			data   any
		}{
			{EventWrite, "second"},
			{EventWrite, "third"},
			{EventRead | EventWrite, "third"},
			{EventRead | EventWrite, "third"},
			{EventRead, nil},
			{EventWrite, nil},
		} {
			old, err := s.GetKey(a)
			if err != nil {
				t.Fatal(err)
			}
			key := modify(t, s, a, tt.events, tt.data)
			if key == old {
				t.Errorf("Modify(%v, %v) gives the old key", tt.events, tt.data)
			}
			if key.FileObj != any(a) || key.FD != first.FD || key.Events != tt.events || key.Data != tt.data {
				t.Errorf("Modify(%v, %v) gives %+v", tt.events, tt.data, key)
			}
			if got, err := s.GetKey(a); got != key || err != nil {
				t.Errorf("GetKey = %p, %v, want %p", got, err, key)
			}
			if tt.events&EventWrite != 0 {
				soon(t, s, Ready{key, EventWrite})
			} else {
				now(t, s)
			}
		}
		if *first != before {
			t.Errorf("the first key is %+v by now", first)
		}
		if n := s.GetMap().Len(); n != 1 {
			t.Errorf("%d keys", n)
		}
	})
}

func TestModifyKeepsTheFileObjGivenToRegister(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		register(t, s, c, EventRead, nil)
		for _, events := range []EventMask{EventRead, EventWrite} {
			if key := modify(t, s, fdOf(t, c), events, nil); key.FileObj != any(c) {
				t.Errorf("FileObj is %T", key.FileObj)
			}
		}
	})
}

func TestModifyNeverComparesData(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		data := []int{1} // to compare it would panic
		register(t, s, c, EventRead, data)
		for _, events := range []EventMask{EventRead, EventWrite, EventWrite} {
			key := modify(t, s, c, events, data)
			if got := key.Data.([]int); &got[0] != &data[0] {
				t.Error("other data")
			}
		}
	})
}

func TestModifyRefusedForItsArgumentsChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		key := register(t, s, c, EventWrite, "data")
		for _, events := range []EventMask{0, EventOnce, 32, EventRead | 32, 1 << 31, math.MaxUint32} {
			if got, err := s.Modify(c, events, nil); got != nil || !errors.Is(err, ErrInvalidEvents) {
				t.Errorf("Modify to %v = %v, %v", events, got, err)
			}
		}
		if got, err := s.Modify(nil, EventRead, nil); got != nil || !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("Modify of nil = %v, %v", got, err)
		}
		if got, err := s.GetKey(c); got != key || err != nil {
			t.Errorf("GetKey = %v, %v", got, err)
		}
		soon(t, s, Ready{key, EventWrite})
	})
}

func TestRegisterRefusedLeavesNothingBehind(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		if key, err := s.Register(c, EventWrite|32, nil); key != nil || !errors.Is(err, ErrInvalidEvents) {
			t.Errorf("Register = %v, %v", key, err)
		}
		if key, err := s.Register(c, 0, nil); key != nil || !errors.Is(err, ErrInvalidEvents) {
			t.Errorf("Register = %v, %v", key, err)
		}
		if n := s.GetMap().Len(); n != 0 {
			t.Errorf("%d keys", n)
		}
		now(t, s)
		key := register(t, s, c, EventRead, nil)
		if got, err := s.Register(c, EventWrite, "other"); got != nil || !errors.Is(err, ErrRegistered) {
			t.Errorf("second Register = %v, %v", got, err)
		}
		if got, err := s.Register(fdOf(t, c), EventWrite, "other"); got != nil || !errors.Is(err, ErrRegistered) {
			t.Errorf("second Register = %v, %v", got, err)
		}
		if got, err := s.GetKey(c); got != key || err != nil || key.Events != EventRead || key.Data != nil {
			t.Errorf("GetKey = %v, %v", got, err)
		}
		now(t, s)
	})
}

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

func TestEveryMethodWorksOnAZeroMap(t *testing.T) { emptyMap(t, new(Map)) }

func emptyMap(t *testing.T, m *Map) {
	t.Helper()
	if m.Len() != 0 {
		t.Errorf("Len = %d", m.Len())
	}
	for _, fileobj := range []any{nil, 0} {
		if key, ok := m.Get(fileobj); key != nil || ok {
			t.Errorf("Get(%v) = %v, %v", fileobj, key, ok)
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

func TestEveryMethodWorksOnANilMap(t *testing.T) { emptyMap(t, nil) }

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
