// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.
//go:build linux || freebsd

package selectors

import (
	"bytes"
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTryOfATerminal(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			master, slave := situationPTY(t)
			unix.SetNonblock(slave, mode.nonblock)
			buf := make([]byte, 1<<16)
			n, err := TryRead(slave, buf)
			wouldBlock(t, n, err)
			// Nobody reads at the other side.
			text := bytes.Repeat([]byte("line\n"), 1<<10)
			total := 0
			for err = nil; err == nil; total += n {
				n, err = TryWrite(slave, text)
			}
			wouldBlock(t, n, err)
			if total == 0 {
				t.Error("nothing fits")
			}
			if n, err := TryRead(master, buf); n == 0 || err != nil {
				t.Errorf("TryRead = %d, %v", n, err)
			}
		})
	}
	t.Run("hung up", func(t *testing.T) {
		m, s := situationPTY(t)
		shut := situationClose(t, s)
		shut()
		if n, err := TryRead(m, make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("TryRead of the master = %d, %v", n, err)
		}
		m, s = situationPTY(t)
		situationClose(t, m)()
		if n, err := TryRead(s, make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("TryRead of the slave = %d, %v", n, err)
		}
	})
}
