// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"net"
	"os"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	_ func() (*PollSelector, error)   = NewPollSelector
	_ func() (*SelectSelector, error) = NewSelectSelector
	_ Selector                        = (*PollSelector)(nil)
	_ Selector                        = (*SelectSelector)(nil)
)

// The Go runtime opens its poller's descriptors when they are needed first: now,
// and not while a test counts descriptors, or has closed one.
func init() {
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
}

// sendUrgent sends one byte of urgent data.
func sendUrgent(t testing.TB, c *net.TCPConn) {
	t.Helper()
	if _, err := unix.SendmsgN(fdOf(t, c), []byte("!"), nil, nil, unix.MSG_OOB); err != nil {
		t.Fatal(err)
	}
}

// A descriptor is one that a test closes early, or leaves to the end.
type ownFD struct {
	fd   int
	once sync.Once
}

func (d *ownFD) close() { d.once.Do(func() { unix.Close(d.fd) }) }

// unshared opens descriptors, which no child inherits that a test starts beside
// this one.
func unshared(fds []int, open func(fds []int) error) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	err := open(fds)
	if err == nil {
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
	}
	return err
}

// pipe returns the raw descriptors of a pipe.
func pipe(t testing.TB) (r, w *ownFD) {
	t.Helper()
	var p [2]int
	if err := unshared(p[:], unix.Pipe); err != nil {
		t.Fatal(err)
	}
	r, w = &ownFD{fd: p[0]}, &ownFD{fd: p[1]}
	t.Cleanup(r.close)
	t.Cleanup(w.close)
	return r, w
}

// fill makes the other end of a pipe readable.
func fill(t testing.TB, w *ownFD) {
	t.Helper()
	if _, err := unix.Write(w.fd, []byte("x")); err != nil {
		t.Fatal(err)
	}
}

// empty takes out what one fill has put in.
func empty(t testing.TB, r *ownFD) {
	t.Helper()
	if _, err := unix.Read(r.fd, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// dup returns a duplicate, with the lowest free number from least on.
func dup(t testing.TB, d *ownFD, least int) *ownFD {
	t.Helper()
	fd, err := unix.FcntlInt(uintptr(d.fd), unix.F_DUPFD, least)
	if err != nil {
		t.Fatal(err)
	}
	c := &ownFD{fd: fd}
	t.Cleanup(c.close)
	return c
}

// reuse gives the number of a descriptor that was closed to a duplicate.
// Nobody else takes it: tests that open or close descriptors don't run side by
// side.
func reuse(t testing.TB, d, closed *ownFD) *ownFD {
	t.Helper()
	c := dup(t, d, closed.fd)
	if c.fd != closed.fd {
		t.Fatalf("%d is not free", closed.fd)
	}
	return c
}
