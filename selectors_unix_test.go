// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"math"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	_ func() (*PollSelector, error)   = NewPollSelector
	_ func() (*SelectSelector, error) = NewSelectSelector
	_ Selector                        = (*PollSelector)(nil)
	_ Selector                        = (*SelectSelector)(nil)
)

// invalidNumbers returns numbers that can't be descriptors. Some of them are
// fd in their low half.
func invalidNumbers(fd int) []any {
	return []any{-1, math.MinInt, int8(-1), int16(-1), int32(math.MinInt32), int64(math.MinInt64), namedInt(-1),
		int64(1<<31 + int64(fd)), int64(1<<32 + int64(fd)), int64(1<<40 + int64(fd)), int64(math.MaxInt64),
		uint32(1 << 31), uint32(math.MaxUint32), uint64(1 << 31), uint64(1<<32 + uint64(fd)), uint64(1<<63 + uint64(fd)),
		uint64(math.MaxUint64), uint(math.MaxUint), ^uintptr(0), ^namedUintptr(0), uintptr(1 << 31)}
}

// sendUrgent sends one byte of urgent data.
func sendUrgent(t testing.TB, c *net.TCPConn) {
	t.Helper()
	if _, err := unix.SendmsgN(fdOf(t, c), []byte("!"), nil, nil, unix.MSG_OOB); err != nil {
		t.Fatal(err)
	}
}
