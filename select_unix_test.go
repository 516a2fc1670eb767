// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestADescriptorBeyondTheSetsOfSelectIsEINVAL(t *testing.T) {
	raiseLimit(t, max(setSize, 5000)+100)
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		fill(t, w)
		for _, least := range []int{setSize - 1, setSize, 5000} {
			d := dup(t, r, least)
			for d.fd >= setSize && least < setSize { // it is another one's
				d.close()
				least--
				d = dup(t, r, least)
			}
			key, err := s.Register(d.fd, EventRead, nil)
			if _, ok := s.(*SelectSelector); ok && d.fd >= setSize {
				refused(t, err, unix.EINVAL, "Register", "int", d.fd)
				if key != nil || s.GetMap().Len() != 0 {
					t.Error("there is a key")
				}
				now(t, s)
			} else {
				if err != nil {
					t.Fatal(err)
				}
				now(t, s, Ready{key, EventRead})
				blocked := startSelect(s, Forever)
				wants(t, end(t, blocked), Ready{key, EventRead})
				unregister(t, s, d.fd)
			}
			d.close()
		}
	})
}

func TestNewSelectSelectorWithAllLowDescriptorsTakenIsEINVAL(t *testing.T) {
	raiseLimit(t, setSize+100)
	r, _ := pipe(t)
	taken := takeBelow(t, r, setSize)
	before := openDescriptors()
	s, err := NewSelectSelector()
	var se *os.SyscallError
	if s != nil || !errors.As(err, &se) || !errors.Is(err, unix.EINVAL) {
		t.Errorf("NewSelectSelector = %v, %v", s, err)
	}
	if after := openDescriptors(); !slices.Equal(before, after) {
		t.Errorf("open descriptors: %v, before %v", after, before)
	}
	// One below FD_SETSIZE is enough for it to wait and to be woken, or it
	// says that it isn't.
	for i := range 3 {
		taken[i].close()
		s, err := NewSelectSelector()
		if err != nil {
			if !errors.Is(err, unix.EINVAL) {
				t.Error(err)
			}
			continue
		}
		blocked := startSelect(s, Forever)
		wakeup(t, s)
		wants(t, end(t, blocked))
		s.Close()
	}
}

func TestATimedWaitNeedsNoDescriptorBelowTheSetsOfSelect(t *testing.T) {
	raiseLimit(t, setSize+100)
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		for _, d := range takeBelow(t, r, setSize) {
			defer d.close()
		}
		for range 3 {
			idle(t, s)
		}
		fill(t, w)
		ready, err := s.Select(hang)
		wants(t, answer{ready, err}, Ready{key, EventRead})
	})
}
