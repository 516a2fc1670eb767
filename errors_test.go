// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func TestErrorsAreCheckedInTheirOrder(t *testing.T) {
	sentinels := []error{ErrClosed, ErrInvalidEvents, ErrInvalidFileObj, ErrRegistered, ErrNotRegistered}
	each(t, func(t *testing.T, s Selector) {
		registered, unknown := writable(t), writable(t)
		register(t, s, registered, EventRead, nil)
		for _, closed := range []bool{false, true} {
			if closed {
				s.Close()
			}
			for _, call := range keyCalls {
				for _, events := range []EventMask{EventRead, 0, EventOnce, 32} {
					for _, obj := range []any{nil, registered, unknown} {
						takesEvents := call.name == "Register" || call.name == "Modify"
						isRegister := call.name == "Register"
						var want error
						switch {
						case closed:
							want = ErrClosed
						case takesEvents && events != EventRead:
							want = ErrInvalidEvents
						case obj == nil:
							want = ErrInvalidFileObj
						case isRegister && obj == any(registered):
							want = ErrRegistered
						case !isRegister && obj == any(unknown):
							want = ErrNotRegistered
						default:
							continue // no error
						}
						err := call.do(s, obj, events)
						for _, sentinel := range sentinels {
							if errors.Is(err, sentinel) != (sentinel == want) {
								t.Errorf("%s(%T, %v), closed %v: %v, want %v", call.name, obj, events, closed, err, want)
							}
						}
						if errors.Is(err, os.ErrClosed) != closed {
							t.Errorf("%s(%T, %v), closed %v: %v is os.ErrClosed: %v", call.name, obj, events, closed, err, !closed)
						}
						names := []string{call.name, fmt.Sprintf("%T", obj)}
						if obj != nil {
							names = append(names, fmt.Sprint(fdOf(t, obj.(syscall.Conn))))
						}
						for _, name := range names {
							if !strings.Contains(err.Error(), name) {
								t.Errorf("the text does not name %s: %v", name, err)
							}
						}
					}
				}
			}
		}
	})
}

func TestInvalidEventsAreNamed(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		_, err := s.Register(c, EventRead|0x40, nil)
		if !errors.Is(err, ErrInvalidEvents) || !strings.Contains(err.Error(), "EventRead|0x40") {
			t.Errorf("Register: %v", err)
		}
	})
}

// checkClosed holds for a closed selector and for the zero value.
func checkClosed(t *testing.T, s Selector) {
	t.Helper()
	c := writable(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dst := make([]Ready, 1, 2)
	waits := map[string]func() ([]Ready, error){
		"Select(0)":           func() ([]Ready, error) { return s.Select(0) },
		"Select(-1)":          func() ([]Ready, error) { return s.Select(-1) },
		"Select(Forever)":     func() ([]Ready, error) { return s.Select(Forever) },
		"AppendReady":         func() ([]Ready, error) { return s.AppendReady(nil, Forever) },
		"SelectContext":       func() ([]Ready, error) { return s.SelectContext(context.Background()) },
		"SelectContext, done": func() ([]Ready, error) { return s.SelectContext(ctx) },
	}
	for name, wait := range waits {
		within(t, name, func() {
			if ready, err := wait(); len(ready) != 0 || !errors.Is(err, ErrClosed) || !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s = %v, %v", name, ready, err)
			} else if call, _, _ := strings.Cut(name, "("); !strings.Contains(err.Error(), strings.TrimSuffix(call, ", done")) {
				t.Errorf("the text does not name %s: %v", call, err)
			}
		})
	}
	if got, err := s.AppendReady(dst, 0); !errors.Is(err, ErrClosed) || len(got) != 1 || &got[0] != &dst[0] {
		t.Errorf("AppendReady = %v, %v", got, err)
	}
	for _, call := range keyCalls {
		if err := call.do(s, c, EventRead); !errors.Is(err, ErrClosed) || !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v", call.name, err)
		}
	}
	if err := s.Wakeup(); !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), "Wakeup") {
		t.Errorf("Wakeup: %v", err)
	}
	if m := s.GetMap(); m != nil {
		t.Errorf("GetMap = %v", m)
	}
	if f, ok := s.(interface{ Fd() uintptr }); ok && f.Fd() != ^uintptr(0) {
		t.Errorf("Fd = %d", f.Fd())
	}
}

func TestAnyCallOnAClosedSelectorIsErrClosed(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		register(t, s, a, EventRead|EventWrite, nil)
		register(t, s, b, EventWrite, nil)
		s.Wakeup()
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			checkClosed(t, s)
		}
	})
}

func TestAnyCallOnTheZeroValueIsErrClosed(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		zero := reflect.New(reflect.TypeOf(s).Elem()).Interface().(Selector)
		checkClosed(t, zero)
		if err := zero.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		checkClosed(t, zero)
	})
}
