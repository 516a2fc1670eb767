// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestANumberThatNamesTheSameFileAgainCanBeRegistered(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		fill(t, w)
		for _, unregistered := range []bool{true, false} {
			old := register(t, s, r.fd, EventRead, "old")
			now(t, s, Ready{old, EventRead})
			d := dup(t, r, 0)
			r.close()
			if unregistered {
				unregister(t, s, r.fd)
			}
			r = dupOver(t, d, r) // the kernel still has the old entry
			var key *SelectorKey
			if unregistered {
				now(t, s)
				r.close()
				r = dupOver(t, d, r)
				key = register(t, s, r.fd, EventRead, "new")
			} else {
				key = modify(t, s, r.fd, EventRead|EventWrite, "new")
			}
			now(t, s, Ready{key, EventRead})
			unregister(t, s, r.fd)
			now(t, s)
			idle(t, s)
		}

		// The old entry, asked for another event, is still there at Register.
		register(t, s, r.fd, EventWrite, "old")
		d := dup(t, r, 0)
		r.close()
		unregister(t, s, r.fd)
		r = dupOver(t, d, r)
		key := register(t, s, r.fd, EventRead, "new")
		now(t, s, Ready{key, EventRead})
		unregister(t, s, r.fd)
		now(t, s)
		idle(t, s)
	})
}

func TestADescriptorReplacedUnderABlockedWaitHarmsNoOtherKey(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		old, _ := pipe(t)
		register(t, s, old.fd, EventRead, nil)
		next, nextW := pipe(t)
		blocked := startSelect(s, Forever)
		dupOver(t, next, old)
		stillBlocked(t, blocked)
		unregister(t, s, old.fd)
		fill(t, nextW)
		stillBlocked(t, blocked)
		fill(t, w)
		wants(t, end(t, blocked), Ready{key, EventRead})
	})
}

func TestNothingIsLostOrReportedLateWhileDescriptorsAreReplaced(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := newStorm(t, s)
		replaced := func() { // another file takes the number
			r, w, rec := m.file(EventRead)
			m.write(w)
			r2, w2 := m.pipe()
			if rec != nil {
				m.expect(rec, EventRead)
			}
			m.check(unix.Dup3(r2, r, unix.O_CLOEXEC))
			if rec != nil {
				m.unregister(r, rec)
				rec = m.register(r, EventRead)
				m.write(w2)
				m.expect(rec, EventRead)
				m.unregister(r, rec)
			}
			for _, fd := range []int{r, w, r2, w2} {
				unix.Close(fd)
			}
		}
		again := func() { // the same file takes it, by a duplicate
			r, w, rec := m.file(EventRead)
			d, err := unix.Dup(r)
			m.check(err)
			m.write(w)
			if rec != nil {
				m.expect(rec, EventRead)
			}
			m.check(unix.Dup3(d, r, unix.O_CLOEXEC))
			if rec != nil {
				m.unregister(r, rec)
				rec = m.register(r, EventRead)
				m.expect(rec, EventRead)
				m.unregister(r, rec)
			}
			for _, fd := range []int{r, w, d} {
				unix.Close(fd)
			}
		}
		m.run(append(m.stormWorkers(), replaced, replaced, again, again)...)
	})
}

// What only names a file can't be waited for, by no selector.
func TestADescriptorThatOnlyNamesAFileIsEBADF(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		for _, path := range []string{"/", "/dev/null", "/proc/self/exe"} {
			d := openFile(t, path, unix.O_PATH)
			key, err := s.Register(d.fd, EventRead, nil)
			refused(t, err, unix.EBADF, "Register", "int", d.fd)
			if key != nil || s.GetMap().Len() != 0 {
				t.Errorf("%s: there is a key", path)
			}
			r, _ := pipe(t)
			register(t, s, r.fd, EventRead, nil)
			if err := unix.Dup2(d.fd, r.fd); err != nil {
				t.Fatal(err)
			}
			_, err = s.Modify(r.fd, EventWrite, nil)
			refused(t, err, unix.EBADF, "Modify", "int", r.fd)
			now(t, s)
		}
	})
}

// errorQueue returns a connection that lives on and has something in its error queue:
// the time at which its last bytes left.
func errorQueue(t *testing.T) (c, peer *net.TCPConn) {
	t.Helper()
	c, peer = tcpPair(t)
	fd := fdOf(t, c)
	const flags = unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, flags)
	if err == unix.ENOPROTOOPT && os.Getenv("SELECTORS_EMULATED") != "" {
		t.Skip("qemu-user has no time stamps")
	}
	if err != nil {
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

func TestAPacketModePtyHasAnExceptionalCondition(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		master := openFile(t, "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY)
		if err := unix.IoctlSetPointerInt(master.fd, unix.TIOCSPTLCK, 0); err != nil {
			t.Fatal(err)
		}
		n, err := unix.IoctlGetUint32(master.fd, unix.TIOCGPTN)
		if err != nil {
			t.Fatal(err)
		}
		slave := openFile(t, "/dev/pts/"+strconv.Itoa(int(n)), unix.O_RDWR|unix.O_NOCTTY)
		if err := unix.IoctlSetPointerInt(master.fd, unix.TIOCPKT, 1); err != nil {
			t.Fatal(err)
		}
		key := register(t, s, master.fd, EventPriority, nil)
		now(t, s)
		fill(t, slave)
		idle(t, s) // ordinary data
		blocked := startSelect(s, Forever)
		if err := unix.IoctlSetInt(slave.fd, unix.TCFLSH, unix.TCIFLUSH); err != nil {
			t.Fatal(err)
		}
		wants(t, end(t, blocked), Ready{key, EventPriority})
		now(t, s, Ready{key, EventPriority})
		key = modify(t, s, master.fd, EventRead|EventPriority, nil)
		now(t, s, Ready{key, EventRead | EventPriority})
	})
}

// press makes two threads want one CPU, a few milliseconds of every 20 more, until
// stop is called.
func press(t *testing.T) (stop func()) {
	var cpu unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpu); err != nil {
		t.Fatal(err)
	}
	first := 0
	for !cpu.IsSet(first) {
		first++
	}
	cpu.Zero()
	cpu.Set(first)
	// Both are to run at once, which takes a P for each, and one for the rest.
	procs := runtime.GOMAXPROCS(runtime.NumCPU() + 2)
	over := make(chan struct{})
	var wg sync.WaitGroup
	turns := [2]chan time.Time{make(chan time.Time), make(chan time.Time)}
	for _, turn := range turns {
		spawn(&wg, func() {
			runtime.LockOSThread() // it ends with the goroutine
			if err := unix.SchedSetaffinity(0, &cpu); err != nil {
				t.Error(err)
			}
			for end := range turn {
				for time.Now().Before(end) {
				}
			}
		})
	}
	spawn(&wg, func() {
		defer close(turns[0])
		defer close(turns[1])
		for {
			end := time.Now().Add(4 * time.Millisecond)
			turns[0] <- end
			turns[1] <- end
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() {
		close(over)
		wg.Wait()
		runtime.GOMAXPROCS(procs)
	}
}

func TestAPressureStallTriggerArrives(t *testing.T) {
	t.Parallel()
	const path = "/proc/pressure/cpu"
	if fd, err := unix.Open(path, unix.O_RDWR, 0); err != nil {
		t.Skipf("the system has no pressure-stall triggers: %s: %v", path, err)
	} else {
		unix.Close(fd)
	}

	defer press(t)()

	type wait struct {
		name string
		key  *SelectorKey
		c    <-chan answer
	}
	var waits []wait
	for _, tt := range linuxSelectors {
		for _, before := range []bool{true, false} {
			s := open(t, tt)
			var c <-chan answer
			if before {
				c = startSelect(s, Forever)
			}
			d := openFile(t, path, unix.O_RDWR|unix.O_NONBLOCK)
			_, err := unix.Write(d.fd, []byte("some 1000 500000\x00"))
			if err != nil { // two seconds are what all may ask for
				_, err = unix.Write(d.fd, []byte("some 1000 2000000\x00"))
			}
			if err != nil {
				t.Skipf("the system takes no trigger: %v", err)
			}
			key := register(t, s, d.fd, EventPriority, nil)
			if !before {
				c = startSelect(s, Forever)
			}
			waits = append(waits, wait{fmt.Sprintf("%s, the wait begun before: %v", tt.name, before), key, c})
		}
	}
	for _, w := range waits {
		within(t, w.name, func() { wants(t, <-w.c, Ready{w.key, EventPriority}) })
	}
}

func TestAChangeOfProcSelfMountsArrives(t *testing.T) {
	t.Parallel()
	change, child := ownMounts(t)
	if !child {
		return
	}
	eachOf(t, linuxSelectors, func(t *testing.T, s Selector) {
		d := openFile(t, "/proc/self/mounts", unix.O_RDONLY)
		key := register(t, s, d.fd, EventPriority, nil)
		now(t, s)
		for range 5 {
			// The wait begun after the registration, before the change or
			// after it.
			blocked := startSelect(s, Forever)
			change()
			wants(t, end(t, blocked), Ready{key, EventPriority})
			now(t, s) // once for each event
			change()
			wants(t, end(t, startSelect(s, Forever)), Ready{key, EventPriority})
			idle(t, s)

			// The wait begun before the registration.
			unregister(t, s, d.fd)
			blocked = startSelect(s, Forever)
			key = register(t, s, d.fd, EventPriority, nil)
			stillBlocked(t, blocked)
			change()
			wants(t, end(t, blocked), Ready{key, EventPriority})

			// Other registrations come and go meanwhile.
			blocked = startSelect(s, Forever)
			r, _ := pipe(t)
			register(t, s, r.fd, EventRead, nil)
			change()
			wants(t, end(t, blocked), Ready{key, EventPriority})
			unregister(t, s, r.fd)
			idle(t, s)
		}
	})
}

// What the kernel tells once may have been registered for something else before. Who
// polls the selector's descriptor meanwhile takes nothing away.
func TestAModifyToEventPriorityOfWhatIsToldOnce(t *testing.T) {
	change, child := ownMounts(t)
	if !child {
		return
	}
	polled := func(s Selector) {
		if f, ok := s.(interface{ Fd() uintptr }); ok {
			unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}, 0)
		}
	}
	eachOf(t, linuxSelectors, func(t *testing.T, s Selector) {
		for _, once := range []EventMask{0, EventOnce} {
			for _, looked := range []bool{false, true} {
				d := openFile(t, "/proc/self/mounts", unix.O_RDONLY)
				key := register(t, s, d.fd, EventRead, nil)
				if looked {
					now(t, s, Ready{key, EventRead})
				}
				key = modify(t, s, d.fd, EventPriority|once, nil)
				polled(s)
				change()
				polled(s)
				if _, ok := s.(*EpollSelector); ok {
					poison(t, s) // the set is made anew
				}
				now(t, s, Ready{key, EventPriority})
				now(t, s)
				if once != 0 {
					change()
					polled(s)
					idle(t, s)
					key = modify(t, s, d.fd, EventPriority|once, nil)
					now(t, s, Ready{key, EventPriority})
					key = modify(t, s, d.fd, EventPriority|once, nil)
				}
				blocked := startSelect(s, Forever)
				stillBlocked(t, blocked)
				change()
				wants(t, end(t, blocked), Ready{key, EventPriority})
				unregister(t, s, d.fd)
				idle(t, s)
			}
		}
	})
}
