// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"net"
	"testing"

	"golang.org/x/sys/windows"
)

var selectorsUnderTest = []selectorUnderTest{
	{"IOCPSelector", generic(NewIOCPSelector)},
	{"SelectSelector", generic(NewSelectSelector)},
}

// invalidNumbers returns numbers that can't be handles.
func invalidNumbers(int) []any {
	return []any{0, -1, int8(-1), int64(0), uint32(0), ^uintptr(0), namedInt(-1)}
}

// sendUrgent sends one byte of urgent data.
func sendUrgent(t testing.TB, c *net.TCPConn) {
	t.Helper()
	buf := windows.WSABuf{Len: 1, Buf: new(byte)}
	var sent uint32
	if err := windows.WSASend(windows.Handle(fdOf(t, c)), &buf, 1, &sent, 1 /* MSG_OOB */, nil, nil); err != nil {
		t.Fatal(err)
	}
}
