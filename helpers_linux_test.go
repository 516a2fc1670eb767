// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

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
	for _, fd := range openDescriptors() {
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

// confine has calls refused.
func confine(t *testing.T, rules []rule) {
	t.Helper()
	poller := runtimePoller(t)
	var filter []unix.SockFilter
	for _, r := range rules {
		filter = append(filter, loadCall())
		refuse := refusal(r.errno)
		switch r.call {
		case unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2:
			filter = append(filter, equal(uint32(r.call), 0, 3), loadArg(0), equal(uint32(poller), 1, 0), refuse)
		default:
			filter = append(filter, equal(uint32(r.call), 0, 1), refuse)
		}
	}
	install(t, filter)
}

// The statements of a filter. A jump says how many to pass over.

func stmt(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

func jump(test uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | test, Jt: yes, Jf: no, K: k}
}

func equal(k uint32, yes, no uint8) unix.SockFilter { return jump(unix.BPF_JEQ, k, yes, no) }

func refusal(errno unix.Errno) unix.SockFilter {
	return stmt(unix.BPF_RET, unix.SECCOMP_RET_ERRNO|uint32(errno))
}

// loadCall loads the number of the call, and loadArg the low half of one of its
// arguments: struct seccomp_data has them at 0, and from 16 on.
func loadCall() unix.SockFilter { return stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0) }

func loadArg(i uint32) unix.SockFilter {
	at := 16 + 8*i
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		at += 4
	}
	return stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, at)
}

// install installs a filter in every thread. What it doesn't answer is allowed.
func install(t *testing.T, filter []unix.SockFilter) {
	t.Helper()
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

// underStrace runs a test again under strace, and reports whether this is that. The
// other time it returns what strace has written.
func underStrace(t *testing.T, args ...string) (again bool, log string) {
	t.Helper()
	const mark = "SELECTORS_STRACE"
	if os.Getenv(mark) != "" {
		return true, ""
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	path := filepath.Join(t.TempDir(), "log")
	args = append(args, "-f", "-qq", "-o", path, executable(t), "-test.run=^"+t.Name()+"$", "-test.v")
	cmd := exec.Command(strace, args...)
	cmd.Env = append(os.Environ(), mark+"=1")
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("PTRACE")) {
		t.Skipf("strace doesn't work here: %s", out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return false, string(text)
}

func init() {
	sendSignal = func(sig unix.Signal) { // to every thread
		threads, _ := os.ReadDir("/proc/self/task")
		for _, thread := range threads {
			if tid, err := strconv.Atoi(thread.Name()); err == nil {
				unix.Tgkill(os.Getpid(), tid, sig)
			}
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

// inKernel returns when a thread of this process sleeps in a wait for an epoll set, or
// in a poll. Where the system doesn't show that, it most often does.
func inKernel(set int) {
	sleeps := func() bool {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return true
		}
		shown := false
		for _, thread := range threads {
			line, err := os.ReadFile("/proc/self/task/" + thread.Name() + "/syscall")
			if err != nil {
				continue // it has ended
			}
			shown = true
			var call, first int
			if n, _ := fmt.Sscanf(string(line), "%d 0x%x", &call, &first); n < 2 {
				continue // it runs
			}
			switch call {
			case unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2:
				if first == set {
					return true
				}
			case unix.SYS_PPOLL:
				return true
			}
		}
		return !shown
	}
	if os.Getenv("SELECTORS_EMULATED") != "" {
		time.Sleep(settle)
		return
	}
	eventually("a wait sleeps in the kernel", sleeps)
}

// ownMounts runs the rest of a test in a process that sees its own mounts alone, and
// returns what changes them.
func ownMounts(t *testing.T) (change func(), child bool) {
	t.Helper()
	if !inChild(t, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}) {
		return nil, false
	}
	lines, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		if strings.Contains(line, " shared:") || strings.Contains(line, " master:") {
			t.Fatalf("what others mount would arrive here: %s", line)
		}
	}
	dir := t.TempDir()
	mounted := false
	change = func() {
		t.Helper()
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
	t.Cleanup(func() {
		if mounted {
			change()
		}
	})
	return change, true
}
