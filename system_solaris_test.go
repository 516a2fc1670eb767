// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

var selectorsUnderTest = []selectorUnderTest{
	{"DevpollSelector", generic(NewDevpollSelector)},
	{"PollSelector", generic(NewPollSelector)},
	{"SelectSelector", generic(NewSelectSelector)},
	{"model of /dev/poll", openDevpollModel},
	{"model of an old /dev/poll", generic(func() (*devpoll, error) {
		m := newDevpollModel()
		m.old = true // before illumos 6291
		return m.open()
	})},
}

var (
	_ func() (*DevpollSelector, error) = NewDevpollSelector
	_ Selector                         = (*DevpollSelector)(nil)
	_ interface{ Fd() uintptr }        = (*DevpollSelector)(nil)
)
