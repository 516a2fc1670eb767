// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

var selectorsUnderTest = []selectorUnderTest{
	{"PollSelector", generic(NewPollSelector)},
	{"SelectSelector", generic(NewSelectSelector)},
}
