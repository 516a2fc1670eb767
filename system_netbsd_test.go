// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	version, err := unix.SysctlUint32("kern.osrevision")
	if err != nil {
		panic(err)
	}
	situationRelease = int(version / 100000000)
}

// situationMaster opens a pseudoterminal's master and returns its slave's name.
func situationMaster(t *testing.T) (fd int, slave string) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0)
	situationOK(t, err)
	situationOwn(t, fd)
	// TIOCPTSNAME of sys/ttycom.h, with struct ptmget. Its number in x/sys is
	// that of NetBSD 6, with shorter names.
	var names struct {
		_, _          int32
		master, slave [1024]byte
	}
	request := 0x40000000 | unsafe.Sizeof(names)<<16 | 't'<<8 | 72
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&names)))
	if errno != 0 {
		t.Fatal(os.NewSyscallError("ioctl", errno))
	}
	return fd, unix.ByteSliceToString(names.slave[:])
}

const getTermios, setTermios = unix.TIOCGETA, unix.TIOCSETA
