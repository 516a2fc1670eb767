// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

// executable returns the path of this program, for tests that run it again.
func executable(t testing.TB) string {
	t.Helper()
	if os.Getenv("SELECTORS_EMULATED") != "" {
		t.Skip("an emulated program can't start itself")
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startAgain runs this test in a process of its own as well, with a mark in its
// environment and files from descriptor 3 on, and returns that, its input, and
// what it says.
func startAgain(t *testing.T, mark string, files ...*os.File) (*exec.Cmd, io.WriteCloser, *bufio.Reader) {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	child := exec.Command(executable(t), "-test.run=^"+name+"$")
	child.Env = append(os.Environ(), mark)
	child.ExtraFiles = files
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child, in, bufio.NewReader(out)
}

// inChild runs the rest of a test in a process of its own, and reports whether
// this is it.
func inChild(t *testing.T, attr *syscall.SysProcAttr) bool {
	t.Helper()
	const mark = "SELECTORS_TEST_CHILD"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	program := executable(t)
	var pattern []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+part+"$")
	}
	cmd := exec.Command(program, "-test.v", "-test.timeout=9m", "-test.run="+strings.Join(pattern, "/"))
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	switch {
	case attr != nil && errors.Is(err, unix.EPERM):
		t.Skipf("the system allows no namespace of its own: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("skipped in the child\n%s", out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("the child ran nothing\n%s", out)
	}
	return false
}

// openDescriptors returns those that are open.
func openDescriptors() (fds []int) {
	for fd := range 4096 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds
}

// setLimit allows the process the descriptors below n, or says why not. They
// are what they were when the test ends.
func setLimit(t *testing.T, n int) error {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	limit := old
	setRlim(&limit.Cur, n)
	if int64(old.Max) >= 0 && uint64(old.Max) < uint64(n) {
		setRlim(&limit.Max, n) // which root may
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	})
	return nil
}

// setRlim takes a limit as the system has it, signed or not.
func setRlim[T int64 | uint64](limit *T, n int) { *limit = T(n) }

// raiseLimit lets the process have the descriptors below n.
func raiseLimit(t *testing.T, n int) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if uint64(limit.Cur) >= uint64(n) {
		return
	}
	err := setLimit(t, n)
	if err == nil { // FreeBSD and DragonFly cut it without a word (kern_proc_setrlimit)
		err = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	}
	if err != nil || uint64(limit.Cur) < uint64(n) {
		t.Skipf("the test needs descriptors up to %d, the system allows those below %d: %v", n-1, limit.Cur, err)
	}
}

// takeBelow takes every free descriptor below n.
func takeBelow(t *testing.T, d *ownFD, n int) (taken []*ownFD) {
	t.Helper()
	for {
		c := dup(t, d, 0)
		if c.fd >= n {
			c.close()
			return taken
		}
		taken = append(taken, c)
	}
}

// takeAll lets the process have no descriptor but those that it has, and some that
// it returns.
func takeAll(t *testing.T, d *ownFD) (taken []*ownFD) {
	t.Helper()
	for range 20 {
		taken = append(taken, dup(t, d, 0))
	}
	// They are the lowest that were free. DragonFly keeps to such a limit alone:
	// below another it finds free numbers beyond it (fdalloc_locked).
	limit := 63
	for limit <= taken[len(taken)-1].fd {
		limit = 2*limit + 1
	}
	if err := setLimit(t, limit); err != nil {
		t.Fatal(err)
	}
	for {
		fd, err := unix.Dup(d.fd)
		if err == unix.EMFILE {
			return taken
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
	}
}

const setSize = max(len(unix.FdSet{}.Bits)*unix.NFDBITS, 1024)

// nests reports whether a selector can be registered in another.
func nests(s Selector) bool {
	_, ok := s.(interface{ Fd() uintptr })
	return ok && !strings.Contains(fmt.Sprintf("%T", s), "Devpoll")
}

func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

// An entrance is a backend whose waits stand still on their way in, with all that
// they take along prepared.
type entrance struct {
	backend
	gate    chan struct{} // closed: they go in
	reached atomic.Int64
}

func (b *entrance) wait(timeout time.Duration) (bool, error) {
	b.reached.Add(1)
	<-b.gate
	return b.backend.wait(timeout)
}

// guard puts an entrance before a selector's backend. It is called while nobody waits.
func guard(s Selector) *entrance {
	c := coreOf(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		old, ok := c.backend.(*entrance)
		if !ok {
			break
		}
		c.backend = old.backend
	}
	b := &entrance{backend: c.backend, gate: make(chan struct{})}
	c.backend = b
	return b
}

// sendSignal sends a signal to the process. Linux has a better one.
var sendSignal = func(sig unix.Signal) { unix.Kill(os.Getpid(), sig) }
