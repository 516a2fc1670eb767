// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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
		const timeout = 3 * settle
		begin := time.Now()
		timed := startSelect(s, timeout)
		rs[2].close()
		wants(t, end(t, timed))
		if took := time.Since(begin); took < timeout {
			t.Errorf("a wait of %v, under which a descriptor was closed, took %v", timeout, took)
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
				oldKey := register(t, s, r.fd, EventRead, "old")
				dup(t, r, 0)
				var waiting <-chan answer
				if blocks {
					waiting = startSelect(s, Forever)
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
					// It began before, but what it reports is registered. The old key was
					// until now: a wait that met the number closed, and then another
					// file's, may have ended with it.
					eventually("the wait is blocked or has ended", func() bool { return blocked(s)+len(waiting) == 1 })
					if reused && len(waiting) == 1 {
						wants(t, end(t, waiting), Ready{oldKey, EventRead})
						waiting = startSelect(s, Forever)
					}
					fill(t, w)
					stillBlocked(t, waiting)
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
						wants(t, end(t, waiting), Ready{key, EventRead})
					}
					now(t, s, Ready{key, EventRead})
					unregister(t, s, d.fd)
				} else if blocks {
					fill(t, quietW)
					wants(t, end(t, waiting), Ready{quietKey, EventRead})
					unix.Read(quiet.fd, make([]byte, 1))
				}
				now(t, s)
				idle(t, s)
			}
		}
	})
}

// A wait that is on its way back from the kernel has results of registrations
// that are gone when it gets the mutex.
func TestWhatAWaitFoundIsNotTakenForALaterRegistrationOfTheNumber(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		register(t, s, r.fd, EventRead, "old")
		now(t, s)
		late := s.(backend)
		if err := late.prepare(); err != nil {
			t.Fatal(err)
		}
		fill(t, w)
		if _, err := late.wait(hang); err != nil {
			t.Fatal(err)
		}
		unregister(t, s, r.fd)
		empty(t, r)
		key := register(t, s, r.fd, EventRead, "new")
		if ready, err := late.take(nil); len(ready) != 0 || err != nil {
			t.Errorf("take = %v, %v", format(ready), err)
		}
		fill(t, w)
		soon(t, s, Ready{key, EventRead})
	})
}

// file registers a pipe's read end in a storm, unless another one's key still
// has its number.
func (m *storm) file(events EventMask) (r, w int, rec *record) {
	r, w = m.pipe()
	rec = &record{reported: make(chan EventMask, 1)}
	if _, err := m.s.Register(r, events, rec); err != nil {
		if !errors.Is(err, ErrRegistered) {
			m.check(err)
		}
		rec = nil
	}
	return r, w, rec
}

func (m *storm) pipe() (r, w int) {
	var p [2]int
	m.check(unix.Pipe(p[:]))
	return p[0], p[1]
}

func (m *storm) write(fd int) {
	_, err := unix.Write(fd, []byte("x"))
	m.check(err)
}

// stormWorkers open, register, duplicate and close without regard to order.
func (m *storm) stormWorkers() []func() {
	inOrder := func() {
		r, w, rec := m.file(EventRead)
		if rec != nil {
			m.write(w)
			m.expect(rec, EventRead)
			m.unregister(r, rec)
		}
		unix.Close(r)
		unix.Close(w)
	}
	survivor := func() { // a duplicate keeps the file open and ready
		r, w, rec := m.file(EventRead)
		d, err := unix.Dup(r)
		m.check(err)
		m.write(w)
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
				m.check(err)
			}
		}
		unix.Close(w)
	}
	return []func(){inOrder, inOrder, survivor, survivor, closedFirst, modified}
}

// DragonFly 5.9 itself panics in the second round of PollSelector ("kqueue:
// checkloop failed"): skip that one there.
func TestNothingIsLostOrReportedLateWhileDescriptorsAreClosedAndReused(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := newStorm(t, s)
		m.run(m.stormWorkers()...)
	})
}

// Nobody goes round for what was closed while it was registered, whether or not its
// file lives on in a duplicate and is ready.
func TestAWaitSleepsBesideADescriptorThatWasClosedWhileRegistered(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		for _, lives := range []bool{false, true} {
			for _, early := range []bool{true, false} { // closed before the wait
				b := observe(s)
				var blocked <-chan answer
				if !early {
					blocked = startSelect(s, Forever)
				}
				stale, staleW := pipe(t)
				register(t, s, stale.fd, EventRead, "stale")
				if lives {
					dup(t, stale, 0)
				}
				stale.close()
				if lives {
					unregister(t, s, stale.fd)
					fill(t, staleW)
				}
				if early {
					blocked = startSelect(s, Forever)
				}
				stillBlocked(t, blocked)
				stillBlocked(t, blocked)
				if n := b.turns.Load(); n > few {
					t.Errorf("its file lives on=%v, closed before the wait=%v: %d turns", lives, early, n)
				}
				fill(t, w)
				wants(t, end(t, blocked), Ready{key, EventRead})
				empty(t, r)
				if !lives {
					unregister(t, s, stale.fd)
				}
			}
		}
	})
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
