// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
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

// Who is at the other end of a pipe, or has the same socket, may have to fetch what
// it writes while it keeps the lock. Here that takes until its input ends.
func TestASlowOtherEndStopsNobody(t *testing.T) {
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
	stopsNobody := func(t *testing.T, obj any, other *os.File, do func(any, []byte) (int, error)) {
		child, in, lines := startAgain(t, mark+"=1", other)
		if line, err := lines.ReadString('\n'); line != "writes\n" {
			t.Fatalf("the child says %q, %v", line, err)
		}
		time.Sleep(settle)
		var stop atomic.Bool
		ended := make(chan error, 1)
		go func() {
			var err error
			for !stop.Load() && (err == nil || err == ErrWouldBlock) {
				_, err = do(obj, make([]byte, 100))
				runtime.Gosched()
			}
			ended <- err
		}()
		for range 20 {
			time.Sleep(settle / 10)
			runtime.GC()
		}
		in.Close()
		if line, err := lines.ReadString('\n'); line != "goes on\n" {
			t.Errorf("the garbage collector stood still: the child says %q, %v", line, err)
		}
		stop.Store(true)
		within(t, "the call", func() {
			if err := <-ended; err != nil && err != ErrWouldBlock {
				t.Error(err)
			}
		})
		child.Wait()
	}
	t.Run("pipe", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		stopsNobody(t, r, w, TryRead)
	})
	for name, do := range map[string]func(any, []byte) (int, error){"TryRead": TryRead, "TryWrite": TryWrite} {
		t.Run("socket/"+name, func(t *testing.T) {
			a, _ := tcpPair(t)
			f, err := a.File()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			stopsNobody(t, a, f, do)
		})
	}
}

func TestAnEmptyMessageIsNotTheEnd(t *testing.T) {
	for _, mode := range modes {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		a, b := &ownFD{fd: fds[0]}, &ownFD{fd: fds[1]}
		defer a.close()
		defer b.close()
		unix.SetNonblock(a.fd, mode.nonblock)
		f := os.NewFile(uintptr(dup(t, a, 0).fd), "")
		defer f.Close()
		buf := make([]byte, 10)
		for _, obj := range []any{a.fd, f} {
			for _, text := range []string{"", "more", ""} {
				if n, err := TryWrite(b.fd, []byte(text)); n != len(text) || err != nil {
					t.Fatalf("TryWrite = %d, %v", n, err)
				}
			}
			for _, text := range []string{"", "more", ""} {
				if n, err := TryRead(obj, buf); string(buf[:n]) != text || err != nil {
					t.Errorf("TryRead of %q = %d, %v", text, n, err)
				}
			}
			n, err := TryRead(obj, buf)
			wouldBlock(t, n, err)
		}
		b.close()
		for _, obj := range []any{a.fd, f} {
			if n, err := TryRead(obj, buf); n != 0 || err != io.EOF {
				t.Errorf("TryRead at the end = %d, %v", n, err)
			}
		}
	}
}

func TestWhatCanNeverBeDoneIsAnErrorOfItsOwn(t *testing.T) {
	if os.Getenv("SELECTORS_EMULATED") != "" {
		t.Skip("qemu-user takes an empty readv for any descriptor")
	}
	epoll := func() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) }
	pidfd := func() (int, error) { return unix.PidfdOpen(os.Getpid(), 0) }
	for _, tt := range []struct {
		name string
		open func() (int, error)
		do   func(any, []byte) (int, error)
	}{
		{"read an epoll set", epoll, TryRead},
		{"write to an epoll set", epoll, TryWrite},
		{"read a pidfd", pidfd, TryRead},
		{"write to a pidfd", pidfd, TryWrite},
		{"write to a timerfd", func() (int, error) { return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC) }, TryWrite},
		{"write to a signalfd", func() (int, error) { return unix.Signalfd(-1, new(unix.Sigset_t), unix.SFD_CLOEXEC) }, TryWrite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fd, err := tt.open()
			if err != nil {
				t.Skip(err)
			}
			d := &ownFD{fd: fd}
			defer d.close()
			f := os.NewFile(uintptr(dup(t, d, 0).fd), "")
			defer f.Close()
			for _, mode := range modes {
				if err := unix.SetNonblock(fd, mode.nonblock); err != nil {
					continue
				}
				for _, obj := range []any{fd, f} {
					if n, err := tt.do(obj, make([]byte, 8)); n != 0 || !errors.Is(err, unix.EINVAL) {
						t.Errorf("%s, of a %T: %d, %v", mode.name, obj, n, err)
					}
				}
			}
		})
	}
}

// What FIONREAD says is not what the next read gives.
func TestTryReadOfWhatComesInRecords(t *testing.T) {
	buf := make([]byte, 4096)
	t.Run("a master in packet mode", func(t *testing.T) {
		master, slave := situationPTY(t)
		if err := unix.IoctlSetPointerInt(master, unix.TIOCPKT, 1); err != nil {
			t.Fatal(err)
		}
		unix.SetNonblock(master, false)
		situationPut(t, slave, "hello")
		n, err := 0, ErrWouldBlock
		for err == ErrWouldBlock {
			n, err = TryRead(master, buf)
		}
		if string(buf[:n]) != "\x00hello" || err != nil {
			t.Errorf("TryRead = %q, %v", buf[:n], err)
		}
		n, err = TryRead(master, buf)
		wouldBlock(t, n, err)
	})
	t.Run("fanotify", func(t *testing.T) {
		fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_REPORT_DFID_NAME|unix.FAN_CLOEXEC, 0)
		if err != nil {
			t.Skip(err)
		}
		defer unix.Close(fd)
		dir := t.TempDir()
		if err := unix.FanotifyMark(fd, unix.FAN_MARK_ADD, unix.FAN_CREATE|unix.FAN_ONDIR, unix.AT_FDCWD, dir); err != nil {
			t.Skip(err)
		}
		n, err := TryRead(fd, buf)
		wouldBlock(t, n, err)
		if err := os.Mkdir(filepath.Join(dir, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		if n, err := TryRead(fd, buf); n == 0 || err != nil {
			t.Errorf("TryRead = %d, %v", n, err)
		}
	})
	t.Run("O_DIRECT", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, make([]byte, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Skip(err)
		}
		defer unix.Close(fd)
		page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Munmap(page)
		for _, want := range []int{4096, 904} {
			if n, err := TryRead(fd, page); n != want || err != nil {
				t.Errorf("TryRead = %d, %v", n, err)
			}
		}
	})
}

// Whatever is no pipe gets what is written in one piece: here a frame.
func TestTryWriteInBlockingModeCutsNothingButPipes(t *testing.T) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(fd)
	// x/sys has an Ifreq that may lie where some CPUs can't read a number.
	tap := struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: unix.IFF_TAP | unix.IFF_NO_PI}
	set := func(fd int, request uintptr) {
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&tap))); errno != 0 {
			t.Skip(errno)
		}
	}
	copy(tap.name[:], "trytap%d")
	set(fd, unix.TUNSETIFF)
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	tap.flags = unix.IFF_UP
	set(s, unix.SIOCSIFFLAGS)
	name := unix.ByteSliceToString(tap.name[:])
	frames := func() string {
		text, err := os.ReadFile("/sys/class/net/" + name + "/statistics/rx_packets")
		if err != nil {
			t.Skip(err)
		}
		return strings.TrimSpace(string(text))
	}
	before := frames()
	if n, err := TryWrite(fd, make([]byte, 9000)); n != 9000 || err != nil {
		t.Errorf("TryWrite = %d, %v", n, err)
	}
	eventually("the frame", func() bool { return frames() != before })
	time.Sleep(settle)
	if n := frames(); before != "0" || n != "1" {
		t.Errorf("%s frames were received, before %s", n, before)
	}
}

// poll takes the change away that it tells.
func TestTryReadLeavesTheChangeOfProcSelfMounts(t *testing.T) {
	change, child := ownMounts(t)
	if !child {
		return
	}
	fd, err := unix.Open("/proc/self/mounts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	change()
	for {
		if n, err := TryRead(fd, make([]byte, 4096)); err == io.EOF {
			break
		} else if n == 0 || err != nil {
			t.Fatalf("TryRead = %d, %v", n, err)
		}
	}
	if !pollReady(fd, EventPriority) {
		t.Error("the change is lost")
	}
}

func TestTryReadOfAFileThatIsNotInMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Write(make([]byte, 1<<20))
	f.Sync()
	f.Seek(0, io.SeekStart)
	if err := unix.Fadvise(fdOf(t, f), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Skip(err)
	}
	for _, obj := range []any{f, fdOf(t, f)} {
		if n, err := TryRead(obj, make([]byte, 100)); n != 100 || err != nil {
			t.Errorf("TryRead = %d, %v", n, err)
		}
	}
}

// Only a terminal that hung up is at its end by EIO. At this address there is no
// memory.
func TestEIOOfWhatHasNotHungUpIsAnError(t *testing.T) {
	f, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	for _, obj := range []any{f, fdOf(t, f)} {
		if n, err := TryRead(obj, make([]byte, 10)); n != 0 || !errors.Is(err, unix.EIO) {
			t.Errorf("TryRead = %d, %v", n, err)
		}
	}
}

func TestAFilterThatRefusesPreadv2CostsNothingButSpeed(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM, unix.EACCES, unix.EINVAL, unix.EOPNOTSUPP} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			if !inChild(t, nil) {
				return
			}
			confine(t, []rule{{unix.SYS_PREADV2, errno}, {unix.SYS_PWRITEV2, errno}})
			t.Run("pipes", TestTryOfAPipe)
			t.Run("files", TestTryOfFilesAndDirectories)
			t.Run("an eventfd", TestTryOfAnEventfd)
			t.Run("never", TestWhatCanNeverBeDoneIsAnErrorOfItsOwn)
			t.Run("sockets", TestASocketsModeDoesntMatter)
		})
	}
}

// Every call that Try makes fails by turns with EINTR.
func TestTryGoesOnWhereItsCallsAreInterrupted(t *testing.T) {
	// The program's own start, and the Go runtime, read and write as well.
	again, _ := underStrace(t, "-e", "trace=recvfrom,sendto,preadv2,pwritev2,ppoll,poll,accept4,read,write",
		"-e", "inject=recvfrom,sendto,preadv2,pwritev2,ppoll,poll,accept4:error=EINTR:when=1+2",
		"-e", "inject=read,write:error=EINTR:when=40+2")
	if !again {
		return
	}
	t.Run("pipes", TestTryOfAPipe)
	t.Run("files", TestTryOfFilesAndDirectories)
	t.Run("an eventfd", TestTryOfAnEventfd)
	t.Run("sockets", TestASocketsModeDoesntMatter)
	t.Run("TryAccept", TestTryAcceptOfAForeignListenerAndOneInBlockingMode)
}

// The documentation says how many calls of the system there are.
func TestTryMakesAsManyCallsAsDocumented(t *testing.T) {
	again, log := underStrace(t, "-e", "trace=recvfrom,sendto,read,write,preadv2,pwritev2,readv,writev,fcntl,fstat,newfstatat,poll,ppoll,getsockopt,ioctl,accept4,getsockname,getpeername,epoll_ctl,setsockopt,close,faccessat,access")
	if again {
		callsOfTry(t)
		return
	}
	thread, name, calls := "", "", []string(nil)
	n := 0
	for line := range strings.Lines(log) {
		pid, call, _ := strings.Cut(line, " ")
		call = strings.TrimSpace(call)
		_, marked, isMark := strings.Cut(call, "/try-mark/")
		switch {
		case isMark && strings.HasPrefix(marked, "end:"):
			marked, _, _ = strings.Cut(strings.TrimPrefix(marked, "end:"), "\"")
			var most int
			title, rest, _ := strings.Cut(name, ":")
			fmt.Sscan(rest, &most)
			if marked != name {
				t.Fatalf("%q ends with %q", name, marked)
			}
			t.Logf("%2d of %2d %s: %s", len(calls), most, title, strings.Join(calls, " "))
			if len(calls) > most {
				t.Errorf("%s: %d calls, %d are documented", title, len(calls), most)
			}
			name = ""
			n++
		case isMark:
			name, _, _ = strings.Cut(marked, "\"")
			thread, calls = pid, nil
		case name != "" && pid == thread && !strings.HasPrefix(call, "<...") && !strings.HasPrefix(call, "---"):
			call, _, _ = strings.Cut(call, "(")
			calls = append(calls, call)
		}
	}
	if n < 40 {
		t.Errorf("only %d were counted", n)
	}
}

// callsOfTry makes each call between two marks, which name the most that it may
// cost.
func callsOfTry(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	counted := func(most int, name string, do func()) {
		name = fmt.Sprintf("%s:%d", name, most)
		unix.Access("/try-mark/"+name, 0)
		do()
		unix.Access("/try-mark/end:"+name, 0)
	}
	buf := make([]byte, 8)
	binary.NativeEndian.PutUint64(buf, 1)
	try := func(most int, name string, want error, do func(any, []byte) (int, error), obj any) {
		t.Helper()
		counted(most, name, func() {
			if _, err := do(obj, buf); err != want {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		})
	}
	a, b := tcpPair(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, mode := range modes {
		unix.SetNonblock(fdOf(t, a), mode.nonblock)
		for name, obj := range map[string]any{"net.Conn": a, "a socket's number": fdOf(t, a)} {
			name = mode.name + ", " + name
			try(1, name+", TryRead of nothing", ErrWouldBlock, TryRead, obj)
			try(1, name+", TryWrite", nil, TryWrite, obj)
			b.Write(buf)
			waitReadable(t, a)
			try(1, name+", TryRead", nil, TryRead, obj)
		}
	}
	for _, tt := range []struct {
		name     string
		blocking int // how many calls at most
	}{{"pipe", 3}, {"FIFO", 5}, {"terminal", 4}, {"eventfd", 5}} {
		var r, w int
		switch tt.name {
		case "pipe":
			x, y := pipe(t)
			r, w = x.fd, y.fd
		case "FIFO":
			x, y := namedPipe(t)
			r, w = x.fd, y.fd
		case "terminal":
			master, slave := situationPTY(t)
			raw(t, slave, 1, 0)
			r, w = slave, master
		case "eventfd":
			fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			r, w = fd, fd
		}
		rf := os.NewFile(uintptr(dup(t, &ownFD{fd: r}, 0).fd), "")
		wf := os.NewFile(uintptr(dup(t, &ownFD{fd: w}, 0).fd), "")
		defer rf.Close()
		defer wf.Close()
		for _, mode := range modes {
			unix.SetNonblock(r, mode.nonblock)
			unix.SetNonblock(w, mode.nonblock)
			most, write := tt.blocking, tt.blocking
			if mode.nonblock {
				most, write = 2, 2
				if flagsOf(t, w)&unix.O_ACCMODE == unix.O_RDWR {
					write = 3
				}
			}
			name := mode.name + ", " + tt.name
			try(most, name+"'s file, TryRead of nothing", ErrWouldBlock, TryRead, rf)
			try(write, name+"'s file, TryWrite", nil, TryWrite, wf)
			waitReadable(t, r)
			try(most, name+"'s file, TryRead", nil, TryRead, rf)
			if mode.nonblock {
				write = most
			}
			try(most+1, name+"'s number, TryRead of nothing", ErrWouldBlock, TryRead, r)
			try(write+1, name+"'s number, TryWrite", nil, TryWrite, w)
			waitReadable(t, r)
			try(most+1, name+"'s number, TryRead", nil, TryRead, r)
		}
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, mode := range modes {
		unix.SetNonblock(fd, mode.nonblock)
		most := 6
		if mode.nonblock {
			most = 3
		}
		try(most, mode.name+", inotify's number, TryRead of nothing", ErrWouldBlock, TryRead, fd)
	}
	try(3, "a disk's file, TryWrite", nil, TryWrite, file)
	try(4, "a disk's number, TryWrite", nil, TryWrite, fdOf(t, file))
	file.Seek(0, io.SeekStart)
	try(3, "a disk's file, TryRead", nil, TryRead, file)
	try(4, "a disk's number, TryRead", nil, TryRead, fdOf(t, file))
	try(5, "a disk's file, TryRead at the end", io.EOF, TryRead, file)
	l := listenTCP(t)
	counted(1, "TryAccept of nobody", func() {
		if _, err := TryAccept(l); err != ErrWouldBlock {
			t.Error(err)
		}
	})
	dialTo(t, l)
	waitReadable(t, l)
	counted(20, "TryAccept", func() {
		c, err := TryAccept(l)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	})
}

// vsock is of a family that package net doesn't know.
func TestTryAcceptOfAnUnknownFamilyTakesNoClient(t *testing.T) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(fd)
	refuses := func(fd int) {
		t.Helper()
		c, err := TryAccept(numberListener{fd: uintptr(fd)})
		if c != nil || !errors.Is(err, unix.EAFNOSUPPORT) {
			t.Errorf("TryAccept = %v, %v", c, err)
		}
	}
	refuses(fd)
	vsock := func() int {
		fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	server, client := vsock(), vsock()
	if err := unix.Bind(server, &unix.SockaddrVM{CID: unix.VMADDR_CID_LOCAL, Port: unix.VMADDR_PORT_ANY}); err != nil {
		t.Skip(err)
	}
	address, err := unix.Getsockname(server)
	if err == nil {
		err = unix.Listen(server, 1)
	}
	if err == nil {
		unix.SetNonblock(client, false)
		err = unix.Connect(client, address)
	}
	if err != nil {
		t.Skip(err)
	}
	waitReadable(t, server)
	refuses(server)
	if !pollReady(server, EventRead) {
		t.Error("the client is gone")
	}
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
