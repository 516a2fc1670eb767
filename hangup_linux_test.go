// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// errorQueue returns a connection that lives on and has something in its error queue:
// the time at which its last bytes left.
func errorQueue(t *testing.T) (c, peer *net.TCPConn) {
	t.Helper()
	c, peer = tcpPair(t)
	fd := fdOf(t, c)
	const flags = unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, flags); err != nil {
		t.Fatal(err)
	}
	send(t, c)
	eventually("the error queue has something", func() bool {
		p := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(p, 0)
		return err == nil && n == 1 && p[0].Revents&unix.POLLERR != 0
	})
	return c, peer
}

// A socket's error alone is no hang-up. If nothing but EventHangup was asked for no
// wait goes round for it, and the hang-up is told when it comes.
func TestAnErrorAloneIsNoHangup(t *testing.T) {
	eachOf(t, linuxSelectors[:2], func(t *testing.T, s Selector) {
		for _, once := range []EventMask{0, EventOnce} {
			c, peer := errorQueue(t)
			other, otherPeer := tcpPair(t)
			otherKey := register(t, s, other, EventRead, nil)
			key := register(t, s, c, EventHangup|once, nil)
			now(t, s)
			b := observe(s)
			idle(t, s)
			waiting := startSelect(s, Forever)
			stillBlocked(t, waiting)
			stillBlocked(t, waiting)
			if n := b.turns.Load(); n > few {
				t.Errorf("%d turns beside an error that nobody reads", n)
			}
			send(t, otherPeer)
			wants(t, end(t, waiting), Ready{otherKey, EventRead})
			receive(t, other)
			now(t, s)
			waiting = startSelect(s, Forever)
			peer.Close()
			wants(t, end(t, waiting), Ready{key, EventHangup})
			if once == 0 {
				now(t, s, Ready{key, EventHangup})
			} else {
				now(t, s)
				key = modify(t, s, c, EventHangup|EventOnce, nil)
				now(t, s, Ready{key, EventHangup})
				idle(t, s)
			}
			key = modify(t, s, c, EventRead|EventHangup, nil)
			now(t, s, Ready{key, EventRead | EventHangup})
			unregister(t, s, c)
			unregister(t, s, other)
			idle(t, s)
		}
	})
}
