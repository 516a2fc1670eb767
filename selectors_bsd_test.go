// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package selectors

var selectorsUnderTest = []selectorUnderTest{
	{"KqueueSelector", generic(NewKqueueSelector)},
	{"PollSelector", generic(NewPollSelector)},
	{"SelectSelector", generic(NewSelectSelector)},
}

var (
	_ func() (*KqueueSelector, error) = NewKqueueSelector
	_ Selector                        = (*KqueueSelector)(nil)
	_ interface{ Fd() uintptr }       = (*KqueueSelector)(nil)
)
