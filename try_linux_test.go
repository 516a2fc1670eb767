// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestTryOfAnEventfd(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			unix.SetNonblock(fd, mode.nonblock)
			one, buf := []byte("\x01\x01\x01\x01\x01\x01\x01\x01"), make([]byte, 8)
			n, err := TryRead(fd, buf)
			wouldBlock(t, n, err)
			if n, err := TryWrite(fd, one); n != 8 || err != nil {
				t.Fatalf("TryWrite = %d, %v", n, err)
			}
			if n, err := TryRead(fd, buf[:4]); n != 0 || !errors.Is(err, unix.EINVAL) {
				t.Errorf("TryRead into 4 bytes = %d, %v", n, err)
			}
			if n, err := TryRead(fd, buf); n != 8 || err != nil || !bytes.Equal(buf, one) {
				t.Errorf("TryRead = %d, %v, %x", n, err, buf)
			}
			n, err = TryRead(fd, buf)
			wouldBlock(t, n, err)
			// The largest count; for less than that poll(2) says that there is room.
			full := binary.NativeEndian.AppendUint64(nil, math.MaxUint64-1)
			if n, err := TryWrite(fd, full); n != 8 || err != nil {
				t.Errorf("TryWrite = %d, %v", n, err)
			}
			n, err = TryWrite(fd, one)
			wouldBlock(t, n, err)
		})
	}
}

// Who is at the other end of a pipe may have to fetch what it writes, while it
// keeps the pipe's lock. Here that takes until its input ends.
func TestAPipeWithASlowOtherEndStopsNobody(t *testing.T) {
	const mark = "SELECTORS_SLOW_END"
	if os.Getenv(mark) != "" {
		slowWriter()
		os.Exit(0)
	}
	if probe, release, err := slowPage(); err != nil {
		t.Skipf("the system has no slow memory: %v", err)
	} else {
		release()
		unix.Munmap(probe)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	TryRead(r, make([]byte, 1)) // it is known to be no socket
	child, in, lines := startAgain(t, mark+"=1", w)
	w.Close()
	if line, err := lines.ReadString('\n'); line != "writes\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	time.Sleep(settle)
	read := make(chan error, 1)
	go func() {
		for {
			_, err := TryRead(r, make([]byte, 100))
			if err != ErrWouldBlock { // it has not begun to write
				read <- err
				return
			}
			runtime.Gosched()
		}
	}()
	for range 20 {
		time.Sleep(settle / 10)
		runtime.GC()
	}
	in.Close()
	if line, err := lines.ReadString('\n'); line != "goes on\n" {
		t.Errorf("the garbage collector stood still: the child says %q, %v", line, err)
	}
	within(t, "TryRead", func() {
		if err := <-read; err != nil {
			t.Error(err)
		}
	})
	child.Wait()
}

// slowWriter writes a page that comes when the standard input ends, or before
// long: somebody may not be able to end it.
func slowWriter() {
	page, release, err := slowPage()
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		told := make(chan struct{})
		go func() {
			os.Stdin.Read(make([]byte, 1))
			close(told)
		}()
		select {
		case <-told:
			fmt.Println("goes on")
		case <-time.After(hang / 10):
			fmt.Println("gives up")
		}
		release()
	}()
	fmt.Println("writes")
	unix.Write(3, page)
}

// slowPage returns a page of memory whose first use waits for release
// (userfaultfd(2)).
func slowPage() (page []byte, release func(), err error) {
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	if errno != 0 {
		return nil, nil, os.NewSyscallError("userfaultfd", errno)
	}
	// _IOWR of types 0x3f, 0 and 4, of 24, 32 and 32 bytes. CPUs with another
	// layout refuse them.
	const uffdioAPI, uffdioRegister, uffdioZeropage = 0xc018aa3f, 0xc020aa00, 0xc020aa04
	control := func(request uintptr, arg *[4]uint64) error {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(arg)))
		if errno != 0 {
			unix.Close(int(fd))
			return os.NewSyscallError("ioctl", errno)
		}
		return nil
	}
	size := os.Getpagesize()
	page, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, err
	}
	if err := control(uffdioAPI, &[4]uint64{0xaa}); err != nil {
		return nil, nil, err
	}
	area := [4]uint64{uint64(uintptr(unsafe.Pointer(&page[0]))), uint64(size)}
	missing := area
	missing[2] = 1
	if err := control(uffdioRegister, &missing); err != nil {
		return nil, nil, err
	}
	return page, func() {
		control(uffdioZeropage, &area)
		unix.Close(int(fd))
	}, nil
}
