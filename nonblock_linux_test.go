// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTryOfAnEventfd(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			unix.SetNonblock(fd, mode.nonblock)
			one, buf := []byte("\x01\x01\x01\x01\x01\x01\x01\x01"), make([]byte, 8)
			n, err := TryRead(fd, buf)
			wouldBlock(t, n, err)
			if n, err := TryWrite(fd, one); n != 8 || err != nil {
				t.Fatalf("TryWrite = %d, %v", n, err)
			}
			if n, err := TryRead(fd, buf[:4]); n != 0 || !errors.Is(err, unix.EINVAL) {
				t.Errorf("TryRead into 4 bytes = %d, %v", n, err)
			}
			if n, err := TryRead(fd, buf); n != 8 || err != nil || !bytes.Equal(buf, one) {
				t.Errorf("TryRead = %d, %v, %x", n, err, buf)
			}
			n, err = TryRead(fd, buf)
			wouldBlock(t, n, err)
			// The largest count; for less than that poll(2) says that there is room.
			full := binary.NativeEndian.AppendUint64(nil, math.MaxUint64-1)
			if n, err := TryWrite(fd, full); n != 8 || err != nil {
				t.Errorf("TryWrite = %d, %v", n, err)
			}
			n, err = TryWrite(fd, one)
			wouldBlock(t, n, err)
		})
	}
}
