// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Whatever opens a descriptor closes it on exec in the same call: a child of C
// code, which knows nothing of syscall.ForkLock, may begin at any moment.
func TestEveryDescriptorIsCloseOnExecFromItsFirstMoment(t *testing.T) {
	if !inChild(t, nil) {
		return
	}
	var stale []staleFD
	for range 2 * len(selectorsUnderTest) {
		stale = append(stale, newStaleFD(t))
	}
	var filter []unix.SockFilter
	trap := stmt(unix.BPF_RET, unix.SECCOMP_RET_TRAP) // the child dies with its stack
	for _, opens := range []struct {
		call, arg, flag uint32
	}{
		{unix.SYS_EVENTFD2, 1, unix.EFD_CLOEXEC},
		{unix.SYS_EPOLL_CREATE1, 0, unix.EPOLL_CLOEXEC},
		{unix.SYS_TIMERFD_CREATE, 1, unix.TFD_CLOEXEC},
		{unix.SYS_PIPE2, 1, unix.O_CLOEXEC},
		{unix.SYS_DUP3, 2, unix.O_CLOEXEC},
	} {
		filter = append(filter, loadCall(), equal(opens.call, 0, 3),
			loadArg(opens.arg), jump(unix.BPF_JSET, opens.flag, 1, 0), trap)
	}
	// On 32 bit it is SYS_FCNTL64, and not looked at.
	filter = append(filter, loadCall(), equal(unix.SYS_FCNTL, 0, 3),
		loadArg(1), equal(unix.F_DUPFD, 0, 1), trap)
	install(t, filter)
	for i, tt := range selectorsUnderTest {
		if err := ownDescriptors(tt, stale[2*i], func(string) {}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		withoutStandardFiles(t, func() error {
			return ownDescriptors(tt, stale[2*i+1], func(string) {})
		})
	}
}
