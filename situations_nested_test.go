// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors

import "testing"

func init() {
	situations = append(situations, []situation{
		{
			name: "selector, nothing ready in it",
			make: func(t *testing.T) (any, func()) {
				inner, _ := situationNested(t)
				return inner, nil
			},
			want:      0,
			interests: []EventMask{EventRead},
		},
		{
			name: "selector, something ready in it",
			make: func(t *testing.T) (any, func()) {
				inner, w := situationNested(t)
				return inner, func() { situationPut(t, w, "x") }
			},
			want:      EventRead,
			interests: []EventMask{EventRead},
		},
	}...)
}

// situationNested returns the descriptor of a selector, and what to write to
// so that it has something ready.
func situationNested(t *testing.T) (fd, w int) {
	t.Helper()
	s, err := NewDefaultSelector()
	situationOK(t, err)
	t.Cleanup(func() { s.Close() })
	r, w := situationPipe(t)
	_, err = s.Register(r, EventRead, nil)
	situationOK(t, err)
	return int(s.(interface{ Fd() uintptr }).Fd()), w
}
