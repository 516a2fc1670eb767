// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
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

func TestNewDefaultSelectorFallsBackWhereEpollIsRefused(t *testing.T) {
	t.Parallel()
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
		{"epoll_pwait2 EACCES", []rule{{unix.SYS_EPOLL_PWAIT2, unix.EACCES}}, "*selectors.EpollSelector"},
		{"epoll_pwait2 EINVAL", []rule{{unix.SYS_EPOLL_PWAIT2, unix.EINVAL}}, "*selectors.EpollSelector"},
		{"epoll_pwait2 EOPNOTSUPP", []rule{{unix.SYS_EPOLL_PWAIT2, unix.EOPNOTSUPP}}, "*selectors.EpollSelector"},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
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
			for _, r := range tt.rules {
				if r.call == unix.SYS_EPOLL_PWAIT2 && tt.want == "*selectors.EpollSelector" && !noPwait2.Load() {
					t.Error("the constructor hasn't found out that epoll_pwait2 is refused")
				}
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
