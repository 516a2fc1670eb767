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
	release, err := unix.SysctlUint32("kern.osreldate")
	if err != nil {
		panic(err)
	}
	situationRelease = int(release / 100000)
}

// situationMaster opens a pseudoterminal's master and returns its slave's name.
func situationMaster(t *testing.T) (fd int, slave string) {
	t.Helper()
	r, _, errno := unix.Syscall(unix.SYS_POSIX_OPENPT, unix.O_RDWR|unix.O_NOCTTY, 0, 0)
	if errno != 0 {
		t.Fatal(os.NewSyscallError("posix_openpt", errno))
	}
	fd = int(r)
	situationOwn(t, fd)
	// FIODGNAME of sys/filio.h, with struct fiodgname_arg.
	var name [64]byte
	arg := struct {
		length int32
		buffer *byte
	}{int32(len(name)), &name[0]}
	request := 0x80000000 | unsafe.Sizeof(arg)<<16 | 'f'<<8 | 120
	_, _, errno = unix.Syscall(unix.SYS_IOCTL, r, request, uintptr(unsafe.Pointer(&arg)))
	if errno != 0 {
		t.Fatal(os.NewSyscallError("ioctl", errno))
	}
	return fd, "/dev/" + unix.ByteSliceToString(name[:])
}

const getTermios, setTermios = unix.TIOCGETA, unix.TIOCSETA
