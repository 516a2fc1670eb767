// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"math"
	"testing"
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
