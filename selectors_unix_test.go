// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
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

// pipe returns the raw descriptors of a pipe.
func pipe(t testing.TB) (r, w *ownFD) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
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
func reuse(t testing.TB, d, closed *ownFD) *ownFD {
	t.Helper()
	c := dup(t, d, closed.fd)
	if c.fd != closed.fd {
		t.Fatalf("%d is not free", closed.fd)
	}
	return c
}

// refused checks that err is the system's.
func refused(t testing.TB, err error, errno unix.Errno, call, typ string, fd int) {
	t.Helper()
	var se *os.SyscallError
	if !errors.As(err, &se) || !errors.Is(err, errno) || se.Err != error(errno) {
		t.Errorf("%v, want an *os.SyscallError around %v", err, errno)
		return
	}
	for _, name := range []string{call, typ, fmt.Sprint(fd), se.Syscall} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the text does not name %s: %v", name, err)
		}
	}
}

func TestRawDescriptorsOfAPipe(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		read := register(t, s, r.fd, EventRead, nil)
		write := register(t, s, w.fd, EventWrite, nil)
		now(t, s, Ready{write, EventWrite})
		fill(t, w)
		now(t, s, Ready{write, EventWrite}, Ready{read, EventRead})
		if _, err := unix.Read(r.fd, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
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

func TestRegisterOfAClosedDescriptorIsEBADF(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		fill(t, w)
		r.close()
		for _, fd := range []any{r.fd, int32(r.fd), uintptr(r.fd), uncomparable{fd: r.fd}} {
			key, err := s.Register(fd, EventRead, nil)
			if key != nil {
				t.Errorf("key %v", key)
			}
			refused(t, err, unix.EBADF, "Register", fmt.Sprintf("%T", fd), r.fd)
		}
		if s.GetMap().Len() != 0 {
			t.Error("there is a key")
		}
		if _, err := s.GetKey(r.fd); !errors.Is(err, ErrNotRegistered) {
			t.Errorf("GetKey: %v", err)
		}
		other, w2 := pipe(t)
		fill(t, w2)
		d := other
		if d.fd != r.fd {
			d = reuse(t, other, r)
		}
		now(t, s) // nothing was left behind
		key := register(t, s, d.fd, EventRead, nil)
		now(t, s, Ready{key, EventRead})
	})
}

func TestTheRegistrationIsCheckedBeforeTheSystem(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		register(t, s, r.fd, EventRead, nil)
		r.close()
		w.close()
		if _, err := s.Register(r.fd, EventRead, nil); !errors.Is(err, ErrRegistered) || errors.Is(err, unix.EBADF) {
			t.Errorf("Register: %v", err)
		}
		for _, call := range keyCalls[1:] {
			if err := call.do(s, w.fd, EventRead); !errors.Is(err, ErrNotRegistered) || errors.Is(err, unix.EBADF) {
				t.Errorf("%s: %v", call.name, err)
			}
		}
	})
}

func TestAModifyThatTheSystemRefusedLeavesTheDescriptorUnregistered(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		other, w := pipe(t)
		otherKey := register(t, s, other.fd, EventRead, nil)
		f, g, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		raw, _ := pipe(t)
		files := []struct {
			fileobj any
			fd      int
			close   func()
		}{
			{raw.fd, raw.fd, raw.close},
			{f, fdOf(t, f), func() { f.Close() }},
		}
		for _, file := range files {
			register(t, s, file.fileobj, EventRead, nil)
		}
		for _, file := range files {
			file.close()
			key, err := s.Modify(file.fileobj, EventWrite, nil)
			if key != nil {
				t.Errorf("key %v", key)
			}
			refused(t, err, unix.EBADF, "Modify", fmt.Sprintf("%T", file.fileobj), file.fd)
			if _, err := s.GetKey(file.fd); !errors.Is(err, ErrNotRegistered) {
				t.Errorf("GetKey: %v", err)
			}
		}
		if _, err := s.GetKey(f); !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("GetKey: %v", err)
		}
		if n := s.GetMap().Len(); n != 1 {
			t.Errorf("%d keys", n)
		}
		idle(t, s)
		fill(t, w)
		now(t, s, Ready{otherKey, EventRead})
		d := reuse(t, other, raw)
		key := register(t, s, d.fd, EventRead, nil)
		now(t, s, Ready{otherKey, EventRead}, Ready{key, EventRead})
	})
}

func TestAModifyForTheDataAloneMakesNoSystemCall(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, _ := pipe(t)
		register(t, s, r.fd, EventRead, nil)
		r.close() // a system call would fail
		key := modify(t, s, r.fd, EventRead, "new")
		if key.Data != "new" {
			t.Errorf("key %+v", key)
		}
		if got, err := s.GetKey(r.fd); got != key || err != nil {
			t.Errorf("GetKey = %v, %v", got, err)
		}
	})
}

func TestModifyOfTheMaskTakesTheFileThatTheNumberNamesByNow(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		for _, survives := range []bool{false, true} {
			r, w := pipe(t)
			fill(t, w)
			register(t, s, r.fd, EventRead|EventWrite, nil)
			if survives {
				dup(t, r, 0)
			}
			r.close()
			r2, w2 := pipe(t)
			var d *ownFD
			if r2.fd == r.fd {
				d = r2 // it has the number already
			} else {
				d = reuse(t, r2, r)
			}
			key := modify(t, s, d.fd, EventRead, nil)
			now(t, s)
			idle(t, s)
			blocked := startSelect(s, Forever)
			fill(t, w2)
			wants(t, end(t, blocked), Ready{key, EventRead})
			unregister(t, s, d.fd)
			now(t, s)
		}
	})
}

func TestADescriptorClosedWhileRegisteredHarmsNoOtherKey(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var rs, ws []*ownFD
		keys := make(map[*ownFD]*SelectorKey)
		for range 5 {
			r, w := pipe(t)
			rs, ws = append(rs, r), append(ws, w)
			keys[r] = register(t, s, r.fd, EventRead, nil)
		}
		// The first, the last, one amid; while nobody waits, and under a
		// blocked wait.
		rs[0].close()
		now(t, s)
		idle(t, s)
		blocked := startSelect(s, Forever)
		rs[4].close()
		stillBlocked(t, blocked)
		fill(t, ws[1])
		wants(t, end(t, blocked), Ready{keys[rs[1]], EventRead})
		now(t, s, Ready{keys[rs[1]], EventRead})
		unix.Read(rs[1].fd, make([]byte, 1))
		timed := startSelect(s, 3*settle)
		begin := time.Now()
		rs[2].close()
		wants(t, end(t, timed))
		if took := time.Since(begin); took < settle {
			t.Errorf("a wait of %v ended %v after a descriptor was closed", 3*settle, took)
		}
		idle(t, s)

		// A change beside them.
		r, w := pipe(t)
		if key, err := s.Register(r.fd, EventRead, nil); err == nil {
			fill(t, w)
			now(t, s, Ready{key, EventRead})
			unregister(t, s, r.fd)
		} else if !errors.Is(err, ErrRegistered) { // it may have one of their numbers
			t.Error(err)
		}
		r.close()
		w.close()
		idle(t, s)

		// The keys stay until Unregister.
		m := s.GetMap()
		if m.Len() != 5 {
			t.Errorf("%d keys", m.Len())
		}
		for _, d := range rs {
			if key, ok := m.Get(d.fd); key != keys[d] || !ok {
				t.Errorf("Get = %v, %v", key, ok)
			}
			if key := unregister(t, s, d.fd); key != keys[d] {
				t.Errorf("Unregister = %v", key)
			}
		}
		idle(t, s)
	})
}

func TestUnregisterOfAClosedAndReusedDescriptorSucceeds(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, _ := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		other, w := pipe(t)
		r.close()
		d := reuse(t, other, r)
		otherKey := register(t, s, other.fd, EventRead, nil)
		if got := unregister(t, s, d.fd); got != key {
			t.Errorf("Unregister = %v", got)
		}
		fill(t, w)
		now(t, s, Ready{otherKey, EventRead})
	})
}

func TestNoLaterSelectReportsTheKeyEvenWhenADuplicateKeepsItsFileOpen(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		quiet, quietW := pipe(t)
		quietKey := register(t, s, quiet.fd, EventRead, nil)
		for _, reused := range []bool{false, true} {
			for _, blocks := range []bool{false, true} {
				r, w := pipe(t)
				register(t, s, r.fd, EventRead, "old")
				dup(t, r, 0)
				var blocked <-chan answer
				if blocks {
					blocked = startSelect(s, Forever)
				} else {
					fill(t, w)
				}
				var next, nextW *ownFD
				if reused {
					next, nextW = pipe(t)
				}
				r.close()
				var d *ownFD
				if reused {
					d = reuse(t, next, r)
				}
				unregister(t, s, r.fd)
				if blocks {
					// It began before, but what it reports is registered.
					fill(t, w)
					stillBlocked(t, blocked)
				} else {
					now(t, s)
				}
				if reused {
					key := register(t, s, d.fd, EventRead, "new")
					if !blocks {
						now(t, s)
						idle(t, s)
					}
					fill(t, nextW)
					if blocks {
						wants(t, end(t, blocked), Ready{key, EventRead})
					}
					now(t, s, Ready{key, EventRead})
					unregister(t, s, d.fd)
				} else if blocks {
					fill(t, quietW)
					wants(t, end(t, blocked), Ready{quietKey, EventRead})
					unix.Read(quiet.fd, make([]byte, 1))
				}
				now(t, s)
				idle(t, s)
			}
		}
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

//
// The selectors' own descriptors
//

// openDescriptors returns those that are open.
func openDescriptors() (fds []int) {
	for fd := range 4096 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds
}

func TestEveryDescriptorThatASelectorOpensIsCloseOnExec(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			r, w := pipe(t)
			fill(t, w)
			before := openDescriptors()
			s := open(t, tt)
			check := func() {
				t.Helper()
				opened := 0
				for _, fd := range openDescriptors() {
					if slices.Contains(before, fd) {
						continue
					}
					opened++
					flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
					if err != nil {
						t.Fatal(err)
					}
					if flags&unix.FD_CLOEXEC == 0 {
						t.Errorf("%d is not close-on-exec", fd)
					}
				}
				if opened == 0 {
					t.Error("none was opened")
				}
			}
			check()
			key := register(t, s, r.fd, EventRead, nil)
			now(t, s, Ready{key, EventRead})
			wakeup(t, s)
			s.Select(Forever)
			check()
			// A duplicate stays, so that epoll needs another set.
			d := dup(t, r, 0)
			before = append(before, d.fd)
			r.close()
			unregister(t, s, r.fd)
			now(t, s)
			check()
		})
	}
}

func TestDescriptorsAreBackToTheirNumberAfterClose(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := pipe(t)
			before := openDescriptors()
			for _, waits := range []int{0, 1, 3} {
				s, err := tt.open()
				if err != nil {
					t.Fatal(err)
				}
				register(t, s, r.fd, EventRead, nil)
				c := make(chan answer, waits)
				for range waits {
					go func() {
						ready, err := s.Select(Forever)
						c <- answer{ready, err}
					}()
				}
				time.Sleep(settle)
				s.Close()
				for range waits {
					if a := end(t, c); !errors.Is(a.err, ErrClosed) {
						t.Errorf("Select = %v", a.err)
					}
				}
				if after := openDescriptors(); !slices.Equal(before, after) {
					t.Errorf("open descriptors: %v, before %v", after, before)
				}
			}
		})
	}
}

// lowerLimit leaves the process with this many descriptors.
func lowerLimit(t *testing.T, n int) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	lower := limit
	lower.Cur = 128
	for int(lower.Cur) < n {
		lower.Cur++
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lower); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	})
}

// takeAll takes every descriptor that the process may have, or the limit,
// whatever is reached first.
func takeAll(t *testing.T, d *ownFD, limit int) (taken []*ownFD) {
	t.Helper()
	for {
		fd, err := unix.Dup(d.fd)
		if err == unix.EMFILE {
			return taken
		}
		if err != nil {
			t.Fatal(err)
		}
		c := &ownFD{fd: fd}
		t.Cleanup(c.close)
		if fd >= limit {
			c.close()
			return taken
		}
		taken = append(taken, c)
	}
}

func TestAConstructorOutOfDescriptorsFailsAndLeavesNoneBehind(t *testing.T) {
	constructors := append(slices.Clone(selectorsUnderTest), selectorUnderTest{"NewDefaultSelector", NewDefaultSelector})
	for _, tt := range constructors {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := pipe(t)
			lowerLimit(t, 128)
			taken := takeAll(t, r, math.MaxInt)
			for free := 0; ; free++ {
				before := openDescriptors()
				s, err := tt.open()
				if err == nil {
					s.Close()
					if free == 0 {
						t.Error("it needs no descriptor")
					}
					return
				}
				var se *os.SyscallError
				if s != nil || !errors.As(err, &se) || !errors.Is(err, unix.EMFILE) {
					t.Errorf("with %d free descriptors: %v, %v", free, s, err)
				}
				if after := openDescriptors(); !slices.Equal(before, after) {
					t.Errorf("with %d free descriptors: open are %v, before %v", free, after, before)
				}
				if free == 10 {
					t.Fatal("it fails though there are 10 descriptors")
				}
				taken[free].close()
			}
		})
	}
}

const setSize = len(unix.FdSet{}.Bits) * unix.NFDBITS

// raiseLimit lets the process have this many descriptors.
func raiseLimit(t *testing.T, n int) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	if uint64(limit.Cur) < uint64(n) {
		t.Skipf("the system allows %d descriptors, the test needs %d", limit.Cur, n)
	}
}

func TestADescriptorBeyondTheSetsOfSelectIsEINVAL(t *testing.T) {
	raiseLimit(t, max(setSize, 5000)+1)
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		fill(t, w)
		for _, least := range []int{setSize - 1, setSize, 5000} {
			d := dup(t, r, least)
			if d.fd != least {
				t.Fatalf("%d is in use", least)
			}
			key, err := s.Register(d.fd, EventRead, nil)
			if _, ok := s.(*SelectSelector); ok && least >= setSize {
				refused(t, err, unix.EINVAL, "Register", "int", d.fd)
				if key != nil || s.GetMap().Len() != 0 {
					t.Error("there is a key")
				}
				now(t, s)
			} else {
				if err != nil {
					t.Fatal(err)
				}
				now(t, s, Ready{key, EventRead})
				blocked := startSelect(s, Forever)
				wants(t, end(t, blocked), Ready{key, EventRead})
				unregister(t, s, d.fd)
			}
			d.close()
		}
	})
}

func TestNewSelectSelectorWithAllLowDescriptorsTakenIsEINVAL(t *testing.T) {
	raiseLimit(t, setSize+10)
	r, _ := pipe(t)
	taken := takeAll(t, r, setSize)
	before := openDescriptors()
	s, err := NewSelectSelector()
	var se *os.SyscallError
	if s != nil || !errors.As(err, &se) || !errors.Is(err, unix.EINVAL) {
		t.Errorf("NewSelectSelector = %v, %v", s, err)
	}
	if after := openDescriptors(); !slices.Equal(before, after) {
		t.Errorf("open descriptors: %v, before %v", after, before)
	}
	// One below FD_SETSIZE is enough for it to wait and to be woken, or it
	// says that it isn't.
	for i := range 3 {
		taken[i].close()
		s, err := NewSelectSelector()
		if err != nil {
			if !errors.Is(err, unix.EINVAL) {
				t.Error(err)
			}
			continue
		}
		blocked := startSelect(s, Forever)
		wakeup(t, s)
		wants(t, end(t, blocked))
		s.Close()
	}
}

// nests reports whether a selector can be registered in another.
func nests(s Selector) bool {
	_, ok := s.(interface{ Fd() uintptr })
	return ok && !strings.Contains(fmt.Sprintf("%T", s), "Devpoll")
}

func TestASelectorWithFdCanBeRegisteredInAnother(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			inner := open(t, tt)
			if !nests(inner) {
				t.Skip("it has no descriptor that can be polled")
			}
			each(t, func(t *testing.T, outer Selector) {
				r, w := pipe(t)
				key := register(t, inner, r.fd, EventRead, nil)
				defer inner.Unregister(r.fd)
				outerKey := register(t, outer, inner, EventRead, nil)
				now(t, outer)
				blocked := startSelect(outer, Forever)
				fill(t, w)
				wants(t, end(t, blocked), Ready{outerKey, EventRead})
				now(t, inner, Ready{key, EventRead})
				unregister(t, outer, inner)
			})
			if key, err := inner.Register(inner, EventRead, nil); key != nil || err == nil {
				t.Errorf("Register in itself = %v, %v", key, err)
			}
			if inner.GetMap().Len() != 0 {
				t.Error("there is a key")
			}
		})
	}
}

//
// Signals
//

// signals sends signals to the process, or its threads, until the test ends.
func signals(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, unix.SIGUSR1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				sendSignal(unix.SIGURG) // the runtime's own
				sendSignal(unix.SIGUSR1)
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		wg.Wait()
		signal.Stop(caught)
	})
}

func TestASignalNeverEndsOrLengthensAWait(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		signals(t)
		check := func(timeout time.Duration) {
			t.Helper()
			begin := time.Now()
			c := make(chan answer, 1)
			go func() {
				ready, err := s.Select(timeout)
				c <- answer{ready, err}
			}()
			wants(t, end(t, c))
			if took := time.Since(begin); took < timeout {
				t.Errorf("Select(%v) took %v", timeout, took)
			}
		}
		for range 20 {
			check(0)
			check(time.Millisecond)
			check(1_300_000)
		}
		check(100 * time.Millisecond)
		blocked := startSelect(s, Forever)
		stillBlocked(t, blocked)
		wakeup(t, s)
		wants(t, end(t, blocked))
		blocked = startSelect(s, Forever)
		fill(t, w)
		wants(t, end(t, blocked), Ready{key, EventRead})
		now(t, s, Ready{key, EventRead})
	})
}

//
// All at once
//

// file registers a pipe's read end in a storm, unless another one's key still
// has its number.
func (m *storm) file(events EventMask) (r, w int, rec *record) {
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		m.t.Error(err)
		return
	}
	rec = &record{reported: make(chan EventMask, 1)}
	if _, err := m.s.Register(p[0], events, rec); err != nil {
		if !errors.Is(err, ErrRegistered) {
			m.t.Errorf("Register: %v", err)
		}
		rec = nil
	}
	return p[0], p[1], rec
}

// stormWorkers open, register, duplicate and close without regard to order.
func (m *storm) stormWorkers() []func() {
	write := func(fd int) {
		if _, err := unix.Write(fd, []byte("x")); err != nil {
			m.t.Error(err)
		}
	}
	inOrder := func() {
		r, w, rec := m.file(EventRead)
		if rec != nil {
			write(w)
			m.expect(rec, EventRead)
			m.unregister(r, rec)
		}
		unix.Close(r)
		unix.Close(w)
	}
	survivor := func() { // a duplicate keeps the file open and ready
		r, w, rec := m.file(EventRead)
		d, err := unix.Dup(r)
		if err != nil {
			m.t.Error(err)
		}
		write(w)
		if rec != nil {
			m.expect(rec, EventRead)
		}
		unix.Close(r)
		if rec != nil {
			runtime.Gosched()
			m.unregister(r, rec)
		}
		time.Sleep(100 * time.Microsecond)
		unix.Close(d)
		unix.Close(w)
	}
	closedFirst := func() {
		r, w, rec := m.file(EventRead)
		unix.Close(r)
		if rec != nil {
			runtime.Gosched()
			m.unregister(r, rec)
		}
		unix.Close(w)
	}
	modified := func() {
		r, w, rec := m.file(EventRead | EventWrite)
		unix.Close(r)
		if rec != nil {
			runtime.Gosched()
			if _, err := m.s.Modify(r, EventRead, rec); err == nil {
				m.unregister(r, rec) // another file has the number
			} else if errors.Is(err, unix.EBADF) {
				rec.gone.Store(m.clock.Add(1))
			} else {
				m.t.Errorf("Modify: %v", err)
			}
		}
		unix.Close(w)
	}
	return []func(){inOrder, inOrder, survivor, survivor, closedFirst, modified}
}

func TestNothingIsLostOrReportedLateWhileDescriptorsAreClosedAndReused(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := &storm{t: t, s: s}
		m.run(m.stormWorkers()...)
	})
}

// A wait that is on its way back from the kernel has results of registrations
// that are gone when it gets the mutex.
func TestWhatAWaitFoundIsNotTakenForALaterRegistrationOfTheNumber(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		register(t, s, r.fd, EventRead, "old")
		late := s.(backend).newWaiter()
		if ready, err := late.look(nil); len(ready) != 0 || err != nil {
			t.Fatalf("look = %v, %v", format(ready), err)
		}
		fill(t, w)
		if _, err := late.wait(hang); err != nil {
			t.Fatal(err)
		}
		unregister(t, s, r.fd)
		if _, err := unix.Read(r.fd, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		key := register(t, s, r.fd, EventRead, "new")
		if ready, err := late.take(nil); len(ready) != 0 || err != nil {
			t.Errorf("take = %v, %v", format(ready), err)
		}
		fill(t, w)
		soon(t, s, Ready{key, EventRead})
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
