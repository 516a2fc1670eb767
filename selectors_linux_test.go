// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

var linuxSelectors = []selectorUnderTest{
	{"EpollSelector", generic(NewEpollSelector)},
	{"PollSelector", generic(NewPollSelector)},
	{"SelectSelector", generic(NewSelectSelector)},
}

// What Linux alone has, such as files that forget their event as soon as they
// are polled, is nothing for the model of /dev/poll. The model of an old one
// runs in devpoll_test.go, and through all tests on Solaris.
var selectorsUnderTest = append(slices.Clone(linuxSelectors),
	selectorUnderTest{"model of /dev/poll", openDevpollModel},
)

var (
	_ func() (*EpollSelector, error) = NewEpollSelector
	_ Selector                       = (*EpollSelector)(nil)
	_ interface{ Fd() uintptr }      = (*EpollSelector)(nil)
)

// sendSignal sends a signal to every thread of the process.
func sendSignal(sig unix.Signal) {
	threads, _ := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		if tid, err := strconv.Atoi(thread.Name()); err == nil {
			unix.Tgkill(os.Getpid(), tid, sig)
		}
	}
}

// openFile opens a file that the Go runtime's poller does not get.
func openFile(t testing.TB, path string, flags int) *ownFD {
	t.Helper()
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	d := &ownFD{fd: fd}
	t.Cleanup(d.close)
	return d
}

// dupOver gives d's file to the number of another descriptor, which is closed
// first if it is open.
func dupOver(t testing.TB, d, other *ownFD) *ownFD {
	t.Helper()
	if err := unix.Dup3(d.fd, other.fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	c := &ownFD{fd: other.fd}
	t.Cleanup(c.close)
	return c
}

func openEpoll(t *testing.T) *EpollSelector {
	t.Helper()
	return open(t, linuxSelectors[0]).(*EpollSelector)
}

// quiet waits until nothing in an epoll set is ready: a wait does not spin.
func quiet(t *testing.T, s *EpollSelector) {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(s.Fd()), Events: unix.POLLIN}}
	for begin := time.Now(); ; runtime.Gosched() {
		n, err := unix.Poll(p, 0)
		if n == 0 && err == nil {
			return
		}
		if time.Since(begin) > hang {
			t.Fatalf("the set stays ready: %#x, %v", p[0].Revents, err)
		}
	}
}

func TestEpollRefusesWhatCantBePolledWithEPERM(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, s Selector) {
		for _, path := range []string{executable, "/", "/dev/null", "/dev/zero"} {
			d := openFile(t, path, unix.O_RDONLY)
			key, err := s.Register(d.fd, EventRead, nil)
			if _, ok := s.(*EpollSelector); ok {
				refused(t, err, unix.EPERM, "Register", "int", d.fd)
				if key != nil || s.GetMap().Len() != 0 {
					t.Errorf("%s: there is a key", path)
				}
				now(t, s)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			now(t, s, Ready{key, EventRead})
			key = modify(t, s, d.fd, EventRead|EventWrite, nil)
			now(t, s, Ready{key, EventRead | EventWrite})
			unregister(t, s, d.fd)
		}
	})
}

func TestTheEpollSetIsRebuiltUnderTheSameFd(t *testing.T) {
	s := openEpoll(t)
	fd := s.Fd()
	r, w := pipe(t)
	other := register(t, s, r.fd, EventRead, nil)
	closed, _ := pipe(t)
	register(t, s, closed.fd, EventRead, "closed while registered")
	closed.close()
	outer := open(t, linuxSelectors[0])
	register(t, outer, s, EventRead, nil)
	var want []Ready
	for range many {
		want = append(want, Ready{register(t, s, writable(t), EventWrite, nil), EventWrite})
	}
	for _, fromModify := range []bool{false, true} {
		stale, staleW := pipe(t)
		register(t, s, stale.fd, EventRead, "old")
		fill(t, staleW)
		dup(t, stale, 0)
		stale.close()
		if fromModify {
			if _, err := s.Modify(stale.fd, EventWrite, nil); !errors.Is(err, unix.EBADF) {
				t.Errorf("Modify: %v", err)
			}
		} else {
			unregister(t, s, stale.fd)
		}
		for range 2 {
			now(t, s, want...)
		}
		if s.Fd() != fd {
			t.Errorf("Fd is %d, was %d", s.Fd(), fd)
		}
	}
	for _, ready := range want {
		unregister(t, s, ready.Key.FD)
	}
	quiet(t, s)
	idle(t, s)

	// As the documentation says, it has to be nested again.
	unregister(t, outer, s)
	outerKey := register(t, outer, s, EventRead, nil)
	now(t, outer)
	fill(t, w)
	now(t, s, Ready{other, EventRead})
	now(t, outer, Ready{outerKey, EventRead})
}

func TestWaitsThatBlockOnTheOldEpollSetAreStillWoken(t *testing.T) {
	s := openEpoll(t)
	r, _ := pipe(t)
	register(t, s, r.fd, EventRead, nil)
	const n = 4
	c := make(chan answer, n)
	wait := func() {
		ready, err := s.Select(Forever)
		c <- answer{ready, err}
	}
	for range n {
		go wait()
	}
	time.Sleep(settle)
	poison := func() {
		stale, w := pipe(t)
		register(t, s, stale.fd, EventRead, "old")
		dup(t, stale, 0)
		stale.close()
		unregister(t, s, stale.fd)
		fill(t, w) // the blocked waits find the event of nobody
		stillBlocked(t, c)
		now(t, s)
		quiet(t, s)
	}
	for range 3 {
		poison()
		next, w := pipe(t)
		key := register(t, s, next.fd, EventRead, nil)
		fill(t, w)
		wants(t, end(t, c), Ready{key, EventRead})
		unregister(t, s, next.fd)
		for left := n - 1; left > 0; left-- { // or they have seen it, too
			wakeup(t, s)
			if a := end(t, c); a.err != nil {
				t.Fatal(a.err)
			}
		}
		s.Select(0)
		for range n {
			go wait()
		}
		time.Sleep(settle)
	}
	poison()
	s.Close()
	for range n {
		if a := end(t, c); !errors.Is(a.err, ErrClosed) {
			t.Errorf("Select = %v", a.err)
		}
	}
}

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
		m := &storm{t: t, s: s}
		replaced := func() { // another file takes the number
			r, w, rec := m.file(EventRead)
			if _, err := unix.Write(w, []byte("x")); err != nil {
				t.Error(err)
			}
			var p [2]int
			if err := unix.Pipe(p[:]); err != nil {
				t.Error(err)
			}
			if rec != nil {
				m.expect(rec, EventRead)
			}
			if err := unix.Dup3(p[0], r, unix.O_CLOEXEC); err != nil {
				t.Error(err)
			}
			if rec != nil {
				m.unregister(r, rec)
				if rec = m.register(r, EventRead); rec != nil {
					if _, err := unix.Write(p[1], []byte("x")); err != nil {
						t.Error(err)
					}
					m.expect(rec, EventRead)
					m.unregister(r, rec)
				}
			}
			for _, fd := range []int{r, w, p[0], p[1]} {
				unix.Close(fd)
			}
		}
		again := func() { // the same file takes it, by a duplicate
			r, w, rec := m.file(EventRead)
			d, err := unix.Dup(r)
			if err != nil {
				t.Error(err)
			}
			if _, err := unix.Write(w, []byte("x")); err != nil {
				t.Error(err)
			}
			if rec != nil {
				m.expect(rec, EventRead)
			}
			if err := unix.Dup3(d, r, unix.O_CLOEXEC); err != nil {
				t.Error(err)
			}
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

//
// Exceptional conditions
//

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

func TestAPressureStallTriggerArrives(t *testing.T) {
	const path = "/proc/pressure/cpu"
	if fd, err := unix.Open(path, unix.O_RDWR, 0); err != nil {
		t.Skipf("the system has no pressure-stall triggers: %s: %v", path, err)
	} else {
		unix.Close(fd)
	}

	// More threads than CPUs press for time, at the least priority.
	var over atomic.Bool
	var wg sync.WaitGroup
	for range 2*runtime.NumCPU() + 1 {
		wg.Go(func() {
			runtime.LockOSThread() // it ends with the goroutine
			unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19)
			for !over.Load() {
			}
		})
	}
	defer wg.Wait()
	defer over.Store(true)

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
			if _, err := unix.Write(d.fd, []byte("some 1000 2000000\x00")); err != nil {
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
		select {
		case a := <-w.c:
			wants(t, a, Ready{w.key, EventPriority})
		case <-time.After(hang):
			t.Errorf("%s: it does not arrive", w.name)
		}
	}
}

func TestAChangeOfProcSelfMountsArrives(t *testing.T) {
	if !inChild(t, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}) {
		return
	}
	dir := t.TempDir()
	mounted := false
	change := func() {
		var err error
		if mounted {
			err = unix.Unmount(dir, 0)
		} else {
			err = unix.Mount("none", dir, "tmpfs", 0, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		mounted = !mounted
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
	if mounted {
		change()
	}
}

//
// A process that is confined after its start
//

// inChild runs the rest of a test in a process of its own, and reports whether
// this is it.
func inChild(t *testing.T, attr *syscall.SysProcAttr) bool {
	t.Helper()
	const mark = "SELECTORS_TEST_CHILD"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var pattern []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+part+"$")
	}
	cmd := exec.Command(executable, "-test.v", "-test.timeout=60s", "-test.run="+strings.Join(pattern, "/"))
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

// A rule refuses a system call, but not the Go runtime's for its own poller.
type rule struct {
	call  uintptr
	errno unix.Errno
}

// runtimePoller returns the epoll descriptor of the Go runtime.
func runtimePoller(t *testing.T) int {
	t.Helper()
	r, w, err := os.Pipe() // for it to be there
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	found := -1
	for fd := range 64 {
		link, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if link == "anon_inode:[eventpoll]" {
			if found >= 0 {
				t.Fatal("two epoll descriptors")
			}
			found = fd
		}
	}
	if found < 0 {
		t.Fatal("no epoll descriptor")
	}
	return found
}

// confine installs a filter in every thread.
func confine(t *testing.T, rules []rule) {
	t.Helper()
	poller := runtimePoller(t)
	stmt := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	equal := func(k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: yes, Jf: no, K: k}
	}
	const load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	// struct seccomp_data: the number at 0, the low half of the first
	// argument at 16 or 20.
	arg := uint32(16)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		arg = 20
	}
	var filter []unix.SockFilter
	for _, r := range rules {
		filter = append(filter, stmt(load, 0))
		refuse := stmt(unix.BPF_RET, unix.SECCOMP_RET_ERRNO|uint32(r.errno))
		switch r.call {
		case unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2:
			filter = append(filter, equal(uint32(r.call), 0, 3), stmt(load, arg), equal(uint32(poller), 1, 0), refuse)
		default:
			filter = append(filter, equal(uint32(r.call), 0, 1), refuse)
		}
	}
	filter = append(filter, stmt(unix.BPF_RET, unix.SECCOMP_RET_ALLOW))
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&prog)))
	switch errno {
	case 0:
	case unix.ENOSYS, unix.EINVAL:
		t.Skipf("the system has no seccomp filters: %v", errno)
	default:
		t.Fatal(errno)
	}
}

func TestNewDefaultSelectorFallsBackWhereEpollIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rules []rule
		want  string
	}{
		{"nothing", nil, "*selectors.EpollSelector"},
		{"epoll_create1 EPERM", []rule{{unix.SYS_EPOLL_CREATE1, unix.EPERM}}, "*selectors.PollSelector"},
		{"epoll_create1 ENOSYS", []rule{{unix.SYS_EPOLL_CREATE1, unix.ENOSYS}}, "*selectors.PollSelector"},
		{"epoll_ctl EPERM", []rule{{unix.SYS_EPOLL_CTL, unix.EPERM}}, "*selectors.PollSelector"},
		{"epoll_ctl ENOSYS", []rule{{unix.SYS_EPOLL_CTL, unix.ENOSYS}}, "*selectors.PollSelector"},
		{"both waits EPERM", []rule{{unix.SYS_EPOLL_PWAIT, unix.EPERM}, {unix.SYS_EPOLL_PWAIT2, unix.EPERM}}, "*selectors.PollSelector"},
		{"both waits ENOSYS", []rule{{unix.SYS_EPOLL_PWAIT, unix.ENOSYS}, {unix.SYS_EPOLL_PWAIT2, unix.ENOSYS}}, "*selectors.PollSelector"},
		{"epoll_create1 and poll EPERM", []rule{{unix.SYS_EPOLL_CREATE1, unix.EPERM}, {unix.SYS_PPOLL, unix.EPERM}}, "*selectors.SelectSelector"},
		{"epoll_pwait EPERM", []rule{{unix.SYS_EPOLL_PWAIT, unix.EPERM}}, ""},
		{"epoll_pwait2 EPERM", []rule{{unix.SYS_EPOLL_PWAIT2, unix.EPERM}}, "*selectors.EpollSelector"},
		{"epoll_pwait2 ENOSYS", []rule{{unix.SYS_EPOLL_PWAIT2, unix.ENOSYS}}, "*selectors.EpollSelector"},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			if !inChild(t, nil) {
				return
			}
			confine(t, tt.rules)
			before := openDescriptors()
			s, err := NewDefaultSelector()
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%T", s); tt.want != "" && got != tt.want {
				t.Errorf("NewDefaultSelector gives %s, want %s", got, tt.want)
			}
			if es, err := NewEpollSelector(); tt.want == "*selectors.PollSelector" {
				var se *os.SyscallError
				if es != nil || !errors.As(err, &se) || !errors.Is(err, tt.rules[0].errno) {
					t.Errorf("NewEpollSelector = %v, %v", es, err)
				}
			} else if err == nil {
				es.Close()
			}
			r, w := pipe(t)
			key := register(t, s, r.fd, EventRead, nil)
			now(t, s)
			for _, timeout := range []time.Duration{1, time.Microsecond, 1_300_000, 2_000_001, settle} {
				begin := time.Now()
				ready, err := s.Select(timeout)
				if took := time.Since(begin); err != nil || len(ready) != 0 || took < timeout {
					t.Errorf("Select(%v) = %v, %v after %v", timeout, format(ready), err, took)
				}
			}
			blocked := startSelect(s, Forever)
			stillBlocked(t, blocked)
			wakeup(t, s)
			wants(t, end(t, blocked))
			blocked = startSelect(s, time.Hour)
			fill(t, w)
			wants(t, end(t, blocked), Ready{key, EventRead})
			now(t, s, Ready{key, EventRead})
			unregister(t, s, r.fd)
			s.Close()
			r.close()
			w.close()
			if after := openDescriptors(); len(after) != len(before) {
				t.Errorf("open descriptors: %v, before %v", after, before)
			}
		})
	}
}
