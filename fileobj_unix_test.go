// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"math"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// invalidNumbers returns numbers that can't be descriptors. Some of them are
// fd in their low half.
func invalidNumbers(fd int) []any {
	return []any{-1, math.MinInt, int8(-1), int16(-1), int32(math.MinInt32), int64(math.MinInt64), namedInt(-1),
		int64(1<<31 + int64(fd)), int64(1<<32 + int64(fd)), int64(1<<40 + int64(fd)), int64(math.MaxInt64),
		uint32(1 << 31), uint32(math.MaxUint32), uint64(1 << 31), uint64(1<<32 + uint64(fd)), uint64(1<<63 + uint64(fd)),
		uint64(math.MaxUint64), uint(math.MaxUint), ^uintptr(0), ^namedUintptr(0), uintptr(1 << 31)}
}

func TestRawDescriptorsOfAPipe(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		read := register(t, s, r.fd, EventRead, nil)
		write := register(t, s, w.fd, EventWrite, nil)
		now(t, s, Ready{write, EventWrite})
		fill(t, w)
		now(t, s, Ready{write, EventWrite}, Ready{read, EventRead})
		empty(t, r)
		now(t, s, Ready{write, EventWrite})
		unregister(t, s, w.fd)
		idle(t, s)
	})
}

func TestADuplicateIsADescriptorOfItsOwn(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		d := dup(t, r, 0)
		one := register(t, s, r.fd, EventRead, nil)
		two := register(t, s, d.fd, EventRead, nil)
		fill(t, w)
		now(t, s, Ready{one, EventRead}, Ready{two, EventRead})
		unregister(t, s, r.fd)
		now(t, s, Ready{two, EventRead})
		r.close()
		now(t, s, Ready{two, EventRead})
	})
}

func TestFilesThatCantBeWaitedForAreRefusedOrReady(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		other := register(t, s, r.fd, EventRead, nil)
		fill(t, w)
		for _, path := range []string{file, dir, "/dev/null"} {
			fd, err := unix.Open(path, unix.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			d := &ownFD{fd: fd}
			t.Cleanup(d.close)
			for _, events := range []EventMask{EventRead, EventWrite, EventRead | EventWrite} {
				key, err := s.Register(d.fd, events, nil)
				if err != nil {
					var se *os.SyscallError
					if key != nil || !errors.As(err, &se) {
						t.Errorf("%s: Register = %v, %v", path, key, err)
					}
					if n := s.GetMap().Len(); n != 1 {
						t.Errorf("%s: %d keys", path, n)
					}
				} else if got := unregister(t, s, d.fd); got != key {
					t.Errorf("%s: Unregister = %v", path, got)
				}
				now(t, s, Ready{other, EventRead})
			}
		}
	})
}

func TestAnOSFileIsNotPutIntoBlockingMode(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		check := func(after string) {
			t.Helper()
			flags, err := unix.FcntlInt(uintptr(fdOf(t, r)), unix.F_GETFL, 0)
			if err != nil {
				t.Fatal(err)
			}
			if flags&unix.O_NONBLOCK == 0 {
				t.Errorf("the file is in blocking mode after %s", after)
			}
		}
		register(t, s, r, EventRead, nil)
		check("Register")
		s.GetKey(r)
		s.GetMap().Get(r)
		check("GetKey")
		modify(t, s, r, EventRead|EventWrite, nil)
		key := modify(t, s, r, EventRead, nil)
		check("Modify")
		w.Write([]byte("x"))
		now(t, s, Ready{key, EventRead})
		check("Select")
		unregister(t, s, r)
		check("Unregister")

		key = register(t, s, r, EventRead, nil)
		r.Close()
		if got := unregister(t, s, r); got != key {
			t.Errorf("Unregister of a closed one = %v", got)
		}
		if _, err := s.Unregister(r); !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("Unregister of a closed and unknown one: %v", err)
		}
	})
}

// It is not among the portable tests, since net has no UDP under Wine 8.
func TestAPacketConnIsAFileObject(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		key := register(t, s, c, EventRead|EventWrite, nil)
		if key.FileObj != c || key.FD != fdOf(t, c.(syscall.Conn)) {
			t.Errorf("the key is %+v", key)
		}
		now(t, s, Ready{key, EventWrite})
		if _, err := c.WriteTo([]byte("x"), c.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		soon(t, s, Ready{key, EventRead | EventWrite})
		c.Close()
		if unregister(t, s, c) != key {
			t.Error("another key")
		}
	})
}
