// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRegisterOfAClosedDescriptorIsEBADF(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		fill(t, w)
		r.close()
		for _, fd := range []any{r.fd, int32(r.fd), uintptr(r.fd), uncomparable{fd: r.fd}} {
			key, err := s.Register(fd, EventRead, nil)
			if key != nil {
				t.Errorf("key %v", key)
			}
			refused(t, err, unix.EBADF, "Register", fmt.Sprintf("%T", fd), r.fd)
		}
		if s.GetMap().Len() != 0 {
			t.Error("there is a key")
		}
		if _, err := s.GetKey(r.fd); !errors.Is(err, ErrNotRegistered) {
			t.Errorf("GetKey: %v", err)
		}
		other, w2 := pipe(t)
		fill(t, w2)
		d := other
		if d.fd != r.fd {
			d = reuse(t, other, r)
		}
		now(t, s) // nothing was left behind
		key := register(t, s, d.fd, EventRead, nil)
		now(t, s, Ready{key, EventRead})
	})
}

func TestTheRegistrationIsCheckedBeforeTheSystem(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		register(t, s, r.fd, EventRead, nil)
		r.close()
		w.close()
		if _, err := s.Register(r.fd, EventRead, nil); !errors.Is(err, ErrRegistered) || errors.Is(err, unix.EBADF) {
			t.Errorf("Register: %v", err)
		}
		for _, call := range keyCalls[1:] {
			if err := call.do(s, w.fd, EventRead); !errors.Is(err, ErrNotRegistered) || errors.Is(err, unix.EBADF) {
				t.Errorf("%s: %v", call.name, err)
			}
		}
	})
}

func TestAModifyThatTheSystemRefusedLeavesTheDescriptorUnregistered(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		other, w := pipe(t)
		otherKey := register(t, s, other.fd, EventRead, nil)
		f, g, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		raw, _ := pipe(t)
		files := []struct {
			fileobj any
			fd      int
			close   func()
		}{
			{raw.fd, raw.fd, raw.close},
			{f, fdOf(t, f), func() { f.Close() }},
		}
		for _, file := range files {
			register(t, s, file.fileobj, EventRead, nil)
		}
		for _, file := range files {
			file.close()
			key, err := s.Modify(file.fileobj, EventWrite, nil)
			if key != nil {
				t.Errorf("key %v", key)
			}
			refused(t, err, unix.EBADF, "Modify", fmt.Sprintf("%T", file.fileobj), file.fd)
			if _, err := s.GetKey(file.fd); !errors.Is(err, ErrNotRegistered) {
				t.Errorf("GetKey: %v", err)
			}
		}
		if _, err := s.GetKey(f); !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("GetKey: %v", err)
		}
		if n := s.GetMap().Len(); n != 1 {
			t.Errorf("%d keys", n)
		}
		idle(t, s)
		fill(t, w)
		now(t, s, Ready{otherKey, EventRead})
		d := reuse(t, other, raw)
		key := register(t, s, d.fd, EventRead, nil)
		now(t, s, Ready{otherKey, EventRead}, Ready{key, EventRead})
	})
}

func TestAModifyForTheDataAloneMakesNoSystemCall(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, _ := pipe(t)
		register(t, s, r.fd, EventRead, nil)
		r.close() // a system call would fail
		key := modify(t, s, r.fd, EventRead, "new")
		if key.Data != "new" {
			t.Errorf("key %+v", key)
		}
		if got, err := s.GetKey(r.fd); got != key || err != nil {
			t.Errorf("GetKey = %v, %v", got, err)
		}
	})
}

func TestModifyOfTheMaskTakesTheFileThatTheNumberNamesByNow(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		for _, survives := range []bool{false, true} {
			r, w := pipe(t)
			fill(t, w)
			register(t, s, r.fd, EventRead|EventWrite, nil)
			if survives {
				dup(t, r, 0)
			}
			r.close()
			r2, w2 := pipe(t)
			var d *ownFD
			if r2.fd == r.fd {
				d = r2 // it has the number already
			} else {
				d = reuse(t, r2, r)
			}
			key := modify(t, s, d.fd, EventRead, nil)
			now(t, s)
			idle(t, s)
			blocked := startSelect(s, Forever)
			fill(t, w2)
			wants(t, end(t, blocked), Ready{key, EventRead})
			unregister(t, s, d.fd)
			now(t, s)
		}
	})
}
