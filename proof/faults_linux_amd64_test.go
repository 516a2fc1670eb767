// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package proof

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/go-selectors/selectors"
	"golang.org/x/sys/unix"
)

// Faults are injected by a seccomp filter on one thread, which can't be taken
// off again, but ends with the thread. All others, the Go runtime's too, get
// what they ask for. So the same selector meets the fault there, and must
// work elsewhere. (The file is for amd64 since the numbers of the calls, and
// which of them serve, differ by CPU; qemu-user has no seccomp.)

// A fault makes a call fail.
type fault struct {
	call  uintptr
	errno unix.Errno
	cond  cond
}

// A cond restricts a fault to calls with that in one of their arguments.
type cond struct {
	set   bool
	arg   int
	value uint32
}

func when(arg int, value uint32) cond { return cond{true, arg, value} }

// The waits that have no timeout, by its pointer: the look before them has one.
var (
	pollForever   = when(2, 0)
	selectForever = when(4, 0)
)

// withFaults calls f on a thread where calls fail.
func withFaults(t *testing.T, f func(), faults ...fault) {
	t.Helper()
	var program []unix.SockFilter
	for _, x := range faults {
		body := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(x.errno)}}
		if x.cond.set {
			test := unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: x.cond.value, Jf: 1}
			load := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: uint32(16 + 8*x.cond.arg)}
			body = append([]unix.SockFilter{load, test}, body...)
		}
		program = append(program,
			unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(x.call), Jf: uint8(len(body))})
		program = append(program, body...)
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})

	// The thread that starts a collection also asks the runtime's own poller.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
			_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
			if errno != 0 {
				err = errno
			}
		}
		defer func() { done <- err }()
		if err == nil {
			f()
		}
	}()
	if err := <-done; err != nil {
		t.Skipf("seccomp doesn't work here: %v", err)
	}
}

// works fails unless a selector does everything with a descriptor that is not
// registered in it.
func works(t testing.TB, s selectors.Selector) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	r, w := p[0], p[1]
	defer func() {
		unix.Close(r)
		unix.Close(w)
	}()
	before := s.GetMap().Len()
	if _, err := s.Register(r, R, nil); err != nil {
		t.Fatalf("Register after the fault: %v", err)
	}
	reports(t, s, r, 0)
	if _, err := s.Modify(r, R|P, nil); err != nil {
		t.Fatalf("Modify after the fault: %v", err)
	}
	defer later(func() { unix.Write(w, []byte{1}) })()
	within(t, "Select after the fault", func() {
		for seen := false; !seen; {
			ready, err := s.Select(selectors.Forever)
			if err != nil {
				t.Fatalf("Select after the fault: %v", err)
			}
			for _, got := range ready {
				seen = seen || got.Key.FD == r
			}
		}
	})
	reports(t, s, r, R)
	if _, err := s.Unregister(r); err != nil {
		t.Fatalf("Unregister after the fault: %v", err)
	}
	reports(t, s, r, 0)
	if n := s.GetMap().Len(); n != before {
		t.Fatalf("%d keys, before %d", n, before)
	}
}

// reports fails unless a look reports these events of a descriptor.
func reports(t testing.TB, s selectors.Selector, fd int, want selectors.EventMask) {
	t.Helper()
	ready, err := s.Select(0)
	if err != nil {
		t.Fatalf("Select: %v", err)
	}
	var got selectors.EventMask
	for _, r := range ready {
		if r.Key.FD == fd {
			got |= r.Events
		}
	}
	if got != want {
		t.Fatalf("Select reports %v of %d, want %v", got, fd, want)
	}
}

// watched reports whether an epoll set has a descriptor, by what the kernel says.
func watched(t testing.TB, s selectors.Selector, fd int) bool {
	t.Helper()
	info, err := os.ReadFile(fmt.Sprint("/proc/self/fdinfo/", s.(*selectors.EpollSelector).Fd()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(info)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "tfd:" && f[1] == fmt.Sprint(fd) {
			return true
		}
	}
	return false
}

func wantErrno(t testing.TB, what string, err error, errno unix.Errno) {
	t.Helper()
	var call *os.SyscallError
	if !errors.As(err, &call) || !errors.Is(err, errno) {
		t.Errorf("%s: %v (%T), want %v in an os.SyscallError", what, err, err, errno)
	}
}

func TestAConstructorThatFailsLeaksNothing(t *testing.T) {
	waker := func(errno unix.Errno) fault { return fault{call: unix.SYS_EVENTFD2, errno: errno} }
	for _, test := range []struct {
		name   string
		faults []fault
		errno  unix.Errno
	}{
		{"epoll", []fault{{call: unix.SYS_EPOLL_CREATE1, errno: unix.EMFILE}}, unix.EMFILE},
		{"epoll", []fault{{call: unix.SYS_EPOLL_CREATE1, errno: unix.ENFILE}}, unix.ENFILE},
		{"epoll", []fault{{call: unix.SYS_EPOLL_CREATE1, errno: unix.ENOMEM}}, unix.ENOMEM},
		{"epoll", []fault{{call: unix.SYS_EPOLL_CREATE1, errno: unix.EPERM}}, unix.EPERM},
		{"epoll", []fault{{call: unix.SYS_EPOLL_CREATE1, errno: unix.ENOSYS}}, unix.ENOSYS},
		{"epoll", []fault{{call: unix.SYS_EPOLL_CTL, errno: unix.ENOMEM}}, unix.ENOMEM},
		{"epoll", []fault{{call: unix.SYS_EPOLL_CTL, errno: unix.ENOSPC}}, unix.ENOSPC},
		{"epoll", []fault{{call: unix.SYS_EPOLL_PWAIT, errno: unix.EPERM}}, unix.EPERM},
		{"epoll", []fault{waker(unix.EMFILE)}, unix.EMFILE},
		{"epoll", []fault{waker(unix.ENOMEM)}, unix.ENOMEM},
		{"poll", []fault{waker(unix.EMFILE)}, unix.EMFILE},
		{"poll", []fault{waker(unix.ENFILE)}, unix.ENFILE},
		{"poll", []fault{waker(unix.ENOMEM)}, unix.ENOMEM},
		{"select", []fault{waker(unix.EMFILE)}, unix.EMFILE},
		{"select", []fault{waker(unix.ENFILE)}, unix.ENFILE},
		{"select", []fault{waker(unix.ENOMEM)}, unix.ENOMEM},
	} {
		before := descriptors(t)
		withFaults(t, func() {
			_, err := constructors[test.name]()
			wantErrno(t, test.name, err, test.errno)
		}, test.faults...)
		if after := descriptors(t); after != before {
			t.Errorf("%s, %v: %d descriptors, before %d", test.name, test.faults, after, before)
		}
		works(t, open(t, test.name))
	}
}

// With k descriptors left, for each k, a constructor works or leaks nothing.
func TestAConstructorOutOfDescriptors(t *testing.T) {
	for name, construct := range constructors {
		for left := range 5 {
			before := descriptors(t)
			var err error
			var s selectors.Selector
			withLimit(t, left, func() { s, err = construct() })
			if err == nil {
				works(t, s)
				s.Close()
			} else {
				wantErrno(t, name, err, unix.EMFILE)
			}
			if need := map[bool]int{true: 2, false: 1}[name == "epoll"]; (err == nil) != (left >= need) {
				t.Errorf("%s with %d descriptors left: %v", name, left, err)
			}
			if after := descriptors(t); after != before {
				t.Errorf("%s with %d descriptors left: %d descriptors, before %d", name, left, after, before)
			}
		}
	}
}

// withLimit calls f while the process can get that many descriptors more.
func withLimit(t *testing.T, left int, f func()) {
	t.Helper()
	var free []int
	for range left {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		free = append(free, fd)
	}
	limit, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0) // the lowest number that is not to be had
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range append(free, limit) {
		unix.Close(fd)
	}
	var old unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit), Max: old.Max}, nil); err != nil {
		t.Fatal(err)
	}
	defer unix.Prlimit(0, unix.RLIMIT_NOFILE, &old, nil)
	f()
}

func TestDefaultSelectorFallsBackWhereEpollIsRefused(t *testing.T) {
	for _, call := range []uintptr{unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL} {
		for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS} {
			before := descriptors(t)
			withFaults(t, func() {
				s, err := selectors.NewDefaultSelector()
				if err != nil {
					t.Error(err)
					return
				}
				if _, ok := s.(*selectors.PollSelector); !ok {
					t.Errorf("%v of call %d: %T", errno, call, s)
				}
				works(t, s)
				s.Close()
			}, fault{call: call, errno: errno})
			if after := descriptors(t); after != before {
				t.Errorf("%d descriptors, before %d", after, before)
			}
		}
	}
}

// A Register that the system refuses leaves nothing behind.
func TestARegisterThatFailsLeavesNothing(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault fault
	}{
		{"epoll", fault{call: unix.SYS_EPOLL_CTL, errno: unix.ENOMEM}},
		{"epoll", fault{call: unix.SYS_EPOLL_CTL, errno: unix.ENOSPC}},
		{"epoll", fault{call: unix.SYS_EPOLL_CTL, errno: unix.EPERM}},
		{"poll", fault{call: unix.SYS_FCNTL, errno: unix.EBADF, cond: when(1, unix.F_GETFL)}},
		{"select", fault{call: unix.SYS_FCNTL, errno: unix.EBADF, cond: when(1, unix.F_GETFL)}},
	} {
		s := open(t, test.name)
		r, w := pipe(t)
		unix.Write(w, []byte{1})
		withFaults(t, func() {
			key, err := s.Register(r, R, nil)
			wantErrno(t, test.name, err, test.fault.errno)
			if key != nil {
				t.Errorf("%s: a key and an error", test.name)
			}
		}, test.fault)
		if test.name == "epoll" && watched(t, s, r) {
			t.Errorf("the kernel watches what a Register has failed for")
		}
		if _, err := s.GetKey(r); !errors.Is(err, selectors.ErrNotRegistered) || s.GetMap().Len() != 0 {
			t.Errorf("%s: GetKey: %v", test.name, err)
		}
		reports(t, s, r, 0)
		if _, err := s.Register(r, R, nil); err != nil {
			t.Errorf("%s: Register again: %v", test.name, err)
		}
		reports(t, s, r, R)
		if test.name == "epoll" && !watched(t, s, r) {
			t.Error("fdinfo doesn't say what the kernel watches")
		}
		works(t, s)
	}
}

// A Modify that the system refuses leaves the descriptor unregistered, in the
// map and in the kernel.
func TestAModifyThatFailsUnregisters(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault fault
	}{
		{"epoll", fault{call: unix.SYS_EPOLL_CTL, errno: unix.ENOMEM, cond: when(1, unix.EPOLL_CTL_MOD)}},
		{"epoll", fault{call: unix.SYS_EPOLL_CTL, errno: unix.EPERM, cond: when(1, unix.EPOLL_CTL_MOD)}},
		{"epoll", fault{call: unix.SYS_EPOLL_CTL, errno: unix.ENOMEM}}, // the kernel keeps it, whatever one does
		{"poll", fault{call: unix.SYS_FCNTL, errno: unix.EBADF, cond: when(1, unix.F_GETFL)}},
		{"select", fault{call: unix.SYS_FCNTL, errno: unix.EBADF, cond: when(1, unix.F_GETFL)}},
	} {
		s := open(t, test.name)
		r, w := pipe(t)
		unix.Write(w, []byte{1})
		if _, err := s.Register(r, P, nil); err != nil {
			t.Fatal(err)
		}
		withFaults(t, func() {
			if _, err := s.Modify(r, P, "data alone"); err != nil {
				t.Errorf("%s: Modify of the data: %v", test.name, err)
			}
			_, err := s.Modify(r, R, nil)
			wantErrno(t, test.name, err, test.fault.errno)
		}, test.fault)
		if test.name == "epoll" && test.fault.cond.set && watched(t, s, r) {
			t.Errorf("the kernel still watches what a Modify has unregistered")
		}
		if _, err := s.GetKey(r); !errors.Is(err, selectors.ErrNotRegistered) || s.GetMap().Len() != 0 {
			t.Errorf("%s: GetKey: %v", test.name, err)
		}
		reports(t, s, r, 0)
		if _, err := s.Register(r, R, nil); err != nil {
			t.Errorf("%s: Register again: %v", test.name, err)
		}
		reports(t, s, r, R)
		works(t, s)
	}
}

// An Unregister succeeds whatever the system says, and what the kernel keeps
// does no harm.
func TestAnUnregisterThatTheSystemRefuses(t *testing.T) {
	s := open(t, "epoll")
	r, w := pipe(t)
	if _, err := s.Register(r, R, nil); err != nil {
		t.Fatal(err)
	}
	withFaults(t, func() {
		if _, err := s.Unregister(r); err != nil {
			t.Error(err)
		}
	}, fault{call: unix.SYS_EPOLL_CTL, errno: unix.ENOMEM})
	unix.Write(w, []byte{1})
	reports(t, s, r, 0)
	if _, err := s.Register(r, R, nil); err != nil {
		t.Error(err)
	}
	reports(t, s, r, R)
	works(t, s)
}

func TestASelectThatFailsHarmsNothing(t *testing.T) {
	for _, test := range []struct {
		name    string
		faults  []fault
		timeout time.Duration
	}{
		{"epoll", []fault{{call: unix.SYS_EPOLL_PWAIT, errno: unix.ENOMEM}}, 0},
		{"epoll", []fault{
			{call: unix.SYS_EPOLL_PWAIT2, errno: unix.ENOMEM},
			// It is tried where the other one fails; the look before it has no time.
			{call: unix.SYS_EPOLL_PWAIT, errno: unix.ENOMEM, cond: when(3, uint32(time.Hour/time.Millisecond))},
		}, time.Hour},
		{"poll", []fault{{call: unix.SYS_PPOLL, errno: unix.ENOMEM}}, 0},
		{"poll", []fault{{call: unix.SYS_PPOLL, errno: unix.ENOMEM, cond: pollForever}}, selectors.Forever},
		{"select", []fault{{call: unix.SYS_PSELECT6, errno: unix.ENOMEM}}, 0},
		{"select", []fault{{call: unix.SYS_PSELECT6, errno: unix.ENOMEM, cond: selectForever}}, selectors.Forever},
	} {
		s := open(t, test.name)
		r, w := pipe(t)
		if _, err := s.Register(r, R, nil); err != nil {
			t.Fatal(err)
		}
		withFaults(t, func() {
			ready, err := s.Select(test.timeout)
			wantErrno(t, test.name, err, unix.ENOMEM)
			if ready != nil {
				t.Errorf("%s: %v and an error", test.name, ready)
			}
			if dst, _ := s.AppendReady(make([]selectors.Ready, 1, 2), test.timeout); len(dst) != 1 {
				t.Errorf("%s: AppendReady gives back %v", test.name, dst)
			}
		}, test.faults...)
		unix.Write(w, []byte{1})
		reports(t, s, r, R)
		works(t, s)
	}
}

// A storm of interruptions doesn't end a wait, nor keep it from seeing events.
func TestEINTRStorm(t *testing.T) {
	for name, storm := range map[string]fault{
		"epoll":  {call: unix.SYS_EPOLL_PWAIT2, errno: unix.EINTR},
		"poll":   {call: unix.SYS_PPOLL, errno: unix.EINTR, cond: pollForever},
		"select": {call: unix.SYS_PSELECT6, errno: unix.EINTR, cond: selectForever},
	} {
		s := open(t, name)
		r, w := pipe(t)
		if _, err := s.Register(r, R, nil); err != nil {
			t.Fatal(err)
		}
		withFaults(t, func() {
			const timeout = 20 * time.Millisecond
			start := time.Now()
			ready, err := s.Select(timeout)
			if took := time.Since(start); err != nil || len(ready) != 0 || took < timeout {
				t.Errorf("%s: %v, %v after %v", name, ready, err, took)
			}
			// A kernel that has something to report would not say EINTR. The
			// filter does, so that only a Wakeup makes the wait look.
			defer later(func() {
				unix.Write(w, []byte{1})
				s.Wakeup()
			})()
			ready, err = s.Select(selectors.Forever)
			if err != nil || len(ready) != 1 {
				t.Errorf("%s: %v, %v", name, ready, err)
			}
		}, storm)
		works(t, s)
	}
}

// A wake-up that the system refuses is an error of Wakeup, and the next one
// arrives.
func TestAWakeupThatFails(t *testing.T) {
	for name := range constructors {
		s := open(t, name)
		var failed error
		var done chan error
		for begin := time.Now(); failed == nil; {
			if time.Since(begin) > hang {
				t.Fatalf("%s: no Wakeup fails", name)
			}
			done = make(chan error, 1)
			go func() {
				_, err := s.Select(selectors.Forever)
				done <- err
			}()
			time.Sleep(time.Millisecond)
			// The Go runtime wakes its own poller by a write, which nobody may make
			// it do on this thread.
			withFaults(t, func() { failed = s.Wakeup() }, fault{call: unix.SYS_WRITE, errno: unix.ENOMEM})
			if failed == nil { // the wait was not blocked yet, and takes it
				within(t, name+": a wait with a Wakeup before it", func() { <-done })
			}
		}
		wantErrno(t, name, failed, unix.ENOMEM)
		if err := s.Wakeup(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		within(t, name+": the wait after a Wakeup that failed", func() {
			if err := <-done; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		works(t, s)
	}
}

// poisoned returns an epoll selector whose set has an event that can't be
// taken out.
func poisoned(t *testing.T) selectors.Selector {
	s := open(t, "epoll")
	r, w := pipe(t)
	if _, err := s.Register(r, R, nil); err != nil {
		t.Fatal(err)
	}
	r2, err := unix.FcntlInt(uintptr(r), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The number goes to another file, so that the test's cleanup closes it.
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(null, r, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	unix.Close(null)
	t.Cleanup(func() { unix.Close(r2) })
	if _, err := s.Unregister(r); err != nil {
		t.Fatal(err)
	}
	unix.Write(w, []byte{1})
	return s
}

// A wait that can't rebuild its set fails with the system's error, and the next one tries
// again. What is ready is told even so.
func TestARebuildThatFails(t *testing.T) {
	for _, x := range []fault{
		{call: unix.SYS_EPOLL_CREATE1, errno: unix.EMFILE},
		{call: unix.SYS_EPOLL_CTL, errno: unix.ENOMEM},
		{call: unix.SYS_EPOLL_CTL, errno: unix.ENOSPC},
		{call: unix.SYS_DUP3, errno: unix.EMFILE},
	} {
		s := poisoned(t)
		keep, _ := pipe(t)
		_, ready := pipe(t)
		if _, err := s.Register(keep, R, nil); err != nil {
			t.Fatal(err)
		}
		before := descriptors(t)
		withFaults(t, func() {
			if got, err := s.Select(0); !errors.Is(err, x.errno) || len(got) != 0 {
				t.Errorf("%v: %v, %v", x, got, err)
			}
		}, x)
		if after := descriptors(t); after != before {
			t.Errorf("%v: %d descriptors, before %d", x, after, before)
		}
		if _, err := s.Register(ready, W, nil); err != nil {
			t.Fatal(err)
		}
		withFaults(t, func() {
			if got, err := s.Select(0); err != nil || len(got) != 1 {
				t.Errorf("%v: beside a ready descriptor: %v, %v", x, got, err)
			}
		}, x)
		reports(t, s, ready, W)
		works(t, s)
	}
}

// epoll_pwait2 is missing before Linux 5.11, and unknown to some filters. The
// package remembers that, so a process of its own tries it.
func TestWithoutEpollPwait2(t *testing.T) {
	const variable = "SELECTORS_PROOF_PWAIT2"
	number := os.Getenv(variable)
	if number == "" {
		for _, number := range []string{"ENOSYS", "EPERM"} {
			cmd := exec.Command(os.Args[0], "-test.run=^TestWithoutEpollPwait2$", "-test.v")
			cmd.Env = append(os.Environ(), variable+"="+number)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "PASS") {
				t.Errorf("%s: %v\n%s", number, err, out)
			}
			if strings.Contains(string(out), "--- SKIP") {
				t.Skipf("%s", out)
			}
		}
		return
	}
	errno := map[string]unix.Errno{"ENOSYS": unix.ENOSYS, "EPERM": unix.EPERM}[number]
	s := open(t, "epoll")
	withFaults(t, func() {
		for _, timeout := range []time.Duration{time.Nanosecond, time.Millisecond + 1, 20 * time.Millisecond} {
			start := time.Now()
			ready, err := s.Select(timeout)
			if took := time.Since(start); err != nil || len(ready) != 0 || took < timeout {
				t.Errorf("%v: %v, %v after %v", timeout, ready, err, took)
			}
		}
		works(t, s)
	}, fault{call: unix.SYS_EPOLL_PWAIT2, errno: errno})
	works(t, s)
}

// Every system call of a running program fails by turns with EINTR, by strace.
func TestEveryCallInterrupted(t *testing.T) {
	const variable = "SELECTORS_PROOF_STRACE"
	if os.Getenv(variable) != "" {
		random := rand.New(rand.NewPCG(1, 9))
		for range rounds(5, 5, 20) {
			program := make([]byte, stepSize*maxSteps)
			for i := range program {
				program[i] = byte(random.Uint32())
			}
			runProgram(t, program)
		}
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	for _, call := range []string{"epoll_pwait", "epoll_pwait2", "ppoll", "pselect6"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel() // each has its own process
			cmd := exec.Command(strace, "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace="+call,
				"-e", "inject="+call+":error=EINTR:when=20+2", os.Args[0], "-test.run=^TestEveryCallInterrupted$")
			cmd.Env = append(os.Environ(), variable+"=1")
			if out, err := cmd.CombinedOutput(); err != nil {
				if strings.Contains(string(out), "PTRACE") {
					t.Skipf("strace doesn't work here: %s", out)
				}
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
