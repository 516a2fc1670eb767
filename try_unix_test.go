// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func flagsOf(t testing.TB, fd int) int {
	t.Helper()
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		t.Fatal(err)
	}
	return flags
}

func wouldBlock(t testing.TB, n int, err error) {
	t.Helper()
	if n != 0 || err != ErrWouldBlock || !errors.Is(err, unix.EAGAIN) {
		t.Errorf("%d, %v, want 0, ErrWouldBlock", n, err)
	}
}

// modes are the two modes of a descriptor.
var modes = []struct {
	name     string
	nonblock bool
}{{"blocking", false}, {"non-blocking", true}}

// namedPipe returns the raw descriptors of a pipe with a name.
func namedPipe(t testing.TB) (r, w *ownFD) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	err := unix.Mkfifo(path, 0o600)
	for i, open := range []**ownFD{&r, &w} { // the reader first, which then waits for nobody
		fd := -1
		if err == nil {
			fd, err = unix.Open(path, []int{unix.O_RDONLY, unix.O_WRONLY}[i]|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		*open = &ownFD{fd: fd}
		t.Cleanup((*open).close)
	}
	return r, w
}

func TestTryOfAPipe(t *testing.T) {
	for _, mode := range modes {
		test := func(t *testing.T, open func(testing.TB) (r, w *ownFD)) {
			r, w := open(t)
			unix.SetNonblock(r.fd, mode.nonblock)
			unix.SetNonblock(w.fd, mode.nonblock)
			flags := [2]int{flagsOf(t, r.fd), flagsOf(t, w.fd)}
			buf := make([]byte, 10)
			n, err := TryRead(r.fd, buf)
			wouldBlock(t, n, err)
			if n, err := TryWrite(w.fd, []byte("hello")); n != 5 || err != nil {
				t.Fatalf("TryWrite = %d, %v", n, err)
			}
			if n, err := TryRead(r.fd, buf); n != 5 || err != nil || string(buf[:5]) != "hello" {
				t.Errorf("TryRead = %d, %v", n, err)
			}
			total, large := 0, make([]byte, 1<<20)
			for err = nil; err == nil; total += n {
				if n, err = TryWrite(w.fd, large); err == nil && n == 0 {
					t.Fatal("TryWrite = 0, nil")
				}
			}
			wouldBlock(t, n, err)
			for err = nil; err == nil; total -= n {
				n, err = TryRead(r.fd, large)
			}
			wouldBlock(t, n, err)
			if total != 0 {
				t.Errorf("%d bytes are lost", total)
			}
			// The wrong ends. On FreeBSD, OpenBSD and DragonFly there are none: a
			// pipe goes both ways.
			n, err = TryRead(w.fd, buf)
			if flags[1]&unix.O_ACCMODE == unix.O_RDWR {
				wouldBlock(t, n, err)
			} else if n != 0 || !errors.Is(err, unix.EBADF) {
				t.Errorf("TryRead of a write end = %d, %v", n, err)
			}
			n, err = TryWrite(r.fd, buf)
			if flags[0]&unix.O_ACCMODE == unix.O_RDWR {
				if n != len(buf) || err != nil {
					t.Errorf("TryWrite the other way = %d, %v", n, err)
				}
			} else if n != 0 || !errors.Is(err, unix.EBADF) {
				t.Errorf("TryWrite of a read end = %d, %v", n, err)
			}
			if now := [2]int{flagsOf(t, r.fd), flagsOf(t, w.fd)}; now != flags {
				t.Errorf("the modes were %x, are %x", flags, now)
			}
			TryWrite(w.fd, []byte("x"))
			w.close()
			if n, err := TryRead(r.fd, buf); n != 1 || err != nil {
				t.Errorf("TryRead of what is left = %d, %v", n, err)
			}
			if n, err := TryRead(r.fd, buf); n != 0 || err != io.EOF {
				t.Errorf("TryRead at the end = %d, %v", n, err)
			}
			r2, w2 := open(t)
			unix.SetNonblock(w2.fd, mode.nonblock)
			r2.close()
			n, err = TryWrite(w2.fd, buf)
			if n != 0 || !errors.Is(err, unix.EPIPE) {
				t.Errorf("TryWrite without a reader = %d, %v", n, err)
			}
		}
		t.Run(mode.name, func(t *testing.T) { test(t, pipe) })
		t.Run(mode.name+" and named", func(t *testing.T) { test(t, namedPipe) })
	}
}

func TestTryOfAnOSFile(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	buf := make([]byte, 10)
	n, err := TryRead(r, buf)
	wouldBlock(t, n, err)
	if n, err := TryWrite(w, []byte("hello")); n != 5 || err != nil {
		t.Errorf("TryWrite = %d, %v", n, err)
	}
	if n, err := TryRead(r, buf); n != 5 || err != nil {
		t.Errorf("TryRead = %d, %v", n, err)
	}
	embedded := struct{ *os.File }{r}
	r.Close()
	w.Close()
	for _, f := range []any{r, w, embedded} {
		if n, err := TryRead(f, buf); n != 0 || !errors.Is(err, os.ErrClosed) {
			t.Errorf("TryRead of a closed %T = %d, %v", f, n, err)
		}
		if n, err := TryWrite(f, buf); n != 0 || !errors.Is(err, os.ErrClosed) {
			t.Errorf("TryWrite of a closed %T = %d, %v", f, n, err)
		}
	}
	if n, err := TryRead(silentConn{}, buf); n != 0 || !errors.Is(err, ErrInvalidFileObj) {
		t.Errorf("TryRead of what gives no descriptor = %d, %v", n, err)
	}
}

func TestTryOfFilesAndDirectories(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	for rest := data; len(rest) > 0; {
		n, err := TryWrite(f, rest)
		if n == 0 || err != nil {
			t.Fatalf("TryWrite = %d, %v", n, err)
		}
		rest = rest[n:]
	}
	f.Seek(0, io.SeekStart)
	var got []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := TryRead(f, buf)
		if err == io.EOF {
			break
		}
		if n == 0 || err != nil {
			t.Fatalf("TryRead = %d, %v", n, err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d other bytes", len(got))
	}
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var se *os.SyscallError
	if n, err := TryRead(d, buf); n != 0 || !errors.As(err, &se) {
		t.Errorf("TryRead of a directory = %d, %v", n, err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if n, err := TryRead(null, buf); n != 0 || err != io.EOF {
		t.Errorf("TryRead of nothing = %d, %v", n, err)
	}
	if n, err := TryWrite(null, buf); n != len(buf) || err != nil {
		t.Errorf("TryWrite to nothing = %d, %v", n, err)
	}
}

func TestASocketsModeDoesntMatter(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			a, b := tcpPair(t)
			unix.SetNonblock(fdOf(t, a), mode.nonblock)
			defer unix.SetNonblock(fdOf(t, a), true)
			for _, obj := range []any{a, fdOf(t, a), &fdObject{uintptr(fdOf(t, a))}} {
				buf := make([]byte, 10)
				n, err := TryRead(obj, buf)
				wouldBlock(t, n, err)
				if n, err := TryWrite(obj, []byte("x")); n != 1 || err != nil {
					t.Errorf("TryWrite = %d, %v", n, err)
				}
				receive(t, b)
				send(t, b)
				waitReadable(t, a)
				if n, err := TryRead(obj, buf); n != 1 || err != nil {
					t.Errorf("TryRead = %d, %v", n, err)
				}
				for range 2 {
					if n, err := TryWrite(obj, nil); n != 0 || err != nil {
						t.Errorf("TryWrite of nothing = %d, %v", n, err)
					}
				}
			}
			large := make([]byte, 1<<20)
			var err error
			n := 0
			for err == nil {
				n, err = TryWrite(fdOf(t, a), large)
			}
			wouldBlock(t, n, err)
			if nonblock := flagsOf(t, fdOf(t, a))&unix.O_NONBLOCK != 0; nonblock != mode.nonblock {
				t.Error("the mode was changed")
			}
		})
	}
}

func TestTryOfDatagrams(t *testing.T) {
	for _, network := range []string{"udp4", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unixgram" {
				address = filepath.Join(t.TempDir(), "s")
			}
			server, err := net.ListenPacket(network, address)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			client, err := net.Dial(network, server.LocalAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			for _, obj := range []any{server, fdOf(t, server.(syscall.Conn))} {
				buf := make([]byte, 3)
				n, err := TryRead(obj, buf)
				wouldBlock(t, n, err)
				for _, text := range []string{"ab", "", "abcdef", "z"} {
					if n, err := TryWrite(client, []byte(text)); n != len(text) || err != nil {
						t.Fatalf("TryWrite = %d, %v", n, err)
					}
					waitReadable(t, obj)
					want := text[:min(3, len(text))]
					if n, err := TryRead(obj, buf); string(buf[:n]) != want || err != nil {
						t.Errorf("TryRead of %q = %q, %v", text, buf[:n], err)
					}
				}
			}
			if n, err := TryWrite(client, make([]byte, 64<<20)); n != 0 || err == nil || err == ErrWouldBlock {
				t.Errorf("TryWrite of more than a datagram = %d, %v", n, err)
			}
		})
	}
}

func TestTryOfASequencedPacketSocket(t *testing.T) {
	streams := runtime.GOOS == "freebsd" // from 15 on, without MSG_EOR
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
			if err != nil {
				t.Skip("this system has none: ", err)
			}
			a, b := &ownFD{fd: fds[0]}, &ownFD{fd: fds[1]}
			defer a.close()
			defer b.close()
			unix.SetNonblock(a.fd, mode.nonblock)
			unix.SetNonblock(b.fd, mode.nonblock)
			buf := make([]byte, 3)
			n, err := TryRead(a.fd, buf)
			wouldBlock(t, n, err)
			for _, text := range []string{"ab", "abcdef", "z"} {
				// FreeBSD 15 ends a message where it is told to.
				if streams {
					n, err = unix.SendmsgN(b.fd, []byte(text), nil, nil, unix.MSG_EOR)
				} else {
					n, err = TryWrite(b.fd, []byte(text))
				}
				if n != len(text) || err != nil {
					t.Fatalf("%d bytes were written, %v", n, err)
				}
			}
			// The rest of a longer one is lost, or comes next, as the system has it.
			want := "ab|abc|z|"
			for got := ""; !strings.HasSuffix(got, "z|"); got += string(buf[:n]) + "|" {
				n, err = TryRead(a.fd, buf)
				if err != nil || n == 0 || len(got) < 7 && !strings.HasPrefix(want[len(got):], string(buf[:n])+"|") {
					t.Fatalf("TryRead after %q = %q, %v", got, buf[:n], err)
				}
			}
			for err = nil; err == nil; {
				if n, err = TryWrite(b.fd, make([]byte, 1000)); err == nil && n != 1000 && !streams {
					t.Fatalf("TryWrite = %d: a part of a packet", n)
				}
			}
			wouldBlock(t, n, err)
			a.close()
			if n, err := TryWrite(b.fd, buf); n != 0 || !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("TryWrite to nobody = %d, %v", n, err)
			}
		})
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err != nil {
		t.Skip("this system has none: ", err)
	}
	defer unix.Close(fds[0])
	unix.Close(fds[1])
	if n, err := TryRead(fds[0], make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("TryRead at the end = %d, %v", n, err)
	}
}

func TestTryOfAClosedNumberIsEBADF(t *testing.T) {
	r, _ := pipe(t)
	r.close()
	n, err := TryRead(r.fd, make([]byte, 1))
	refused(t, err, unix.EBADF, "TryRead", "int", r.fd)
	m, err := TryWrite(r.fd, make([]byte, 1))
	refused(t, err, unix.EBADF, "TryWrite", "int", r.fd)
	if n != 0 || m != 0 {
		t.Errorf("%d, %d bytes", n, m)
	}
	for _, obj := range invalidNumbers(r.fd) {
		if _, err := TryRead(obj, make([]byte, 1)); !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("TryRead of %v: %v", obj, err)
		}
	}
}

func TestALargeSlice(t *testing.T) {
	if testing.Short() {
		t.Skip("1 GB of memory")
	}
	large := make([]byte, 1<<30)
	a, b := tcpPair(t)
	n, err := TryWrite(a, large)
	if n == 0 || n == len(large) || err != nil {
		t.Errorf("TryWrite = %d, %v", n, err)
	}
	waitReadable(t, b)
	if m, err := TryRead(b, large); m == 0 || m > n || err != nil {
		t.Errorf("TryRead = %d, %v", m, err)
	}
}

func TestTryWriteRaisesNoSIGPIPE(t *testing.T) {
	signals := make(chan os.Signal, 10)
	signal.Notify(signals, unix.SIGPIPE)
	defer signal.Stop(signals)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	unix.Close(fds[1])
	f := os.NewFile(uintptr(dup(t, &ownFD{fd: fds[0]}, 0).fd), "")
	conn, err := net.FileConn(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	file := os.NewFile(uintptr(dup(t, &ownFD{fd: fds[0]}, 0).fd), "")
	defer file.Close()
	for _, mode := range modes {
		unix.SetNonblock(fds[0], mode.nonblock)
		for _, obj := range []any{fds[0], conn, file, fds[0]} {
			for _, size := range []int{1, 1 << 16, 1 << 20} {
				if n, err := TryWrite(obj, make([]byte, size)); n != 0 || !errors.Is(err, unix.EPIPE) {
					t.Errorf("TryWrite of %d bytes to a %T = %d, %v", size, obj, n, err)
				}
			}
		}
	}
	select {
	case <-signals:
		t.Error("SIGPIPE")
	case <-time.After(settle):
	}
}

func TestTryWriteToABrokenStandardOutputDoesntEndTheProgram(t *testing.T) {
	const mark = "SELECTORS_BROKEN_OUTPUT"
	if os.Getenv(mark) != "" {
		n, err := TryWrite(os.Stdout, []byte("x"))
		if n != 0 || !errors.Is(err, unix.EPIPE) {
			fmt.Fprintln(os.Stderr, n, err)
			os.Exit(2)
		}
		os.Exit(42)
	}
	r, w := pipe(t)
	r.close()
	out := os.NewFile(uintptr(dup(t, w, 0).fd), "")
	defer out.Close()
	cmd := exec.Command(executable(t), "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 42 {
		t.Error(err)
	}
}

// A number says nothing of what it names now: it was a pipe's, and is a socket's,
// and the other way round.
func TestTryOfANumberThatWasAnotherFile(t *testing.T) {
	buf := make([]byte, 10)
	for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
		var fds [2]int
		r, w := pipe(t)
		pipeTalks := func() {
			t.Helper()
			for range 2 {
				if n, err := TryWrite(w.fd, []byte("x")); n != 1 || err != nil {
					t.Errorf("TryWrite to a pipe = %d, %v", n, err)
				}
				if n, err := TryRead(r.fd, buf); n != 1 || err != nil {
					t.Errorf("TryRead of a pipe = %d, %v", n, err)
				}
			}
		}
		pipeTalks()
		if err := unshared(fds[:], func(fds []int) (err error) {
			p, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
			copy(fds, p[:])
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for i, d := range []*ownFD{r, w} {
			if err := unix.Dup2(fds[i], d.fd); err != nil {
				t.Fatal(err)
			}
			unix.Close(fds[i])
		}
		for range 3 {
			n, err := TryRead(r.fd, buf)
			wouldBlock(t, n, err)
			if n, err := TryWrite(w.fd, []byte("hello")); n != 5 || err != nil {
				t.Errorf("TryWrite = %d, %v", n, err)
			}
			if n, err := TryRead(r.fd, buf); n != 5 || err != nil {
				t.Errorf("TryRead = %d, %v", n, err)
			}
		}
		if kind == unix.SOCK_DGRAM {
			TryWrite(w.fd, nil)
			if n, err := TryRead(r.fd, buf); n != 0 || err != nil {
				t.Errorf("TryRead of an empty datagram = %d, %v", n, err)
			}
		}
		r2, w2 := pipe(t)
		for _, d := range [][2]*ownFD{{r2, r}, {w2, w}} {
			if err := unix.Dup2(d[0].fd, d[1].fd); err != nil {
				t.Fatal(err)
			}
			d[0].close()
		}
		pipeTalks()
	}
}

// What has happened to a socket is told once, to who reads then.
func TestAPendingErrorOfASocketWhoseNumberWasAPipesIsTold(t *testing.T) {
	for _, do := range []func(any, []byte) (int, error){TryRead, TryWrite} {
		r, w := pipe(t)
		TryWrite(w.fd, []byte("x"))
		TryRead(r.fd, make([]byte, 1))
		a, b := tcpPair(t)
		b.SetLinger(0)
		b.Close()
		waitReadable(t, a)
		if err := unix.Dup2(fdOf(t, a), r.fd); err != nil {
			t.Fatal(err)
		}
		if n, err := do(r.fd, []byte("x")); n != 0 || !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, unix.EPIPE) {
			t.Errorf("%d, %v", n, err)
		}
	}
}

// asElsewhere runs a test with what other unixes have: no call but read and write
// for what is no socket, no accept4, and select in the place of poll.
func asElsewhere(t *testing.T, test func(t *testing.T)) {
	r, w, ready, accept := reading, writing, isReady, accept4
	defer func() { reading, writing, isReady, accept4 = r, w, ready, accept }()
	reading.callNow, writing.callNow, accept4 = nil, nil, nil
	reading.socket, writing.socket = recvMsg, sendMsg
	isReady = pollReady
	t.Run("poll", test)
	isReady = selectReady
	t.Run("select", test)
}

func TestTryAsOtherUnixesDoIt(t *testing.T) {
	asElsewhere(t, func(t *testing.T) {
		t.Run("pipes", func(t *testing.T) {
			if runtime.GOOS == "dragonfly" {
				t.Skip("its poll and select don't tell of every pipe's end; extpread takes their place")
			}
			TestTryOfAPipe(t)
		})
		t.Run("files", TestTryOfFilesAndDirectories)
		t.Run("sockets", TestASocketsModeDoesntMatter)
		t.Run("datagrams", TestTryOfDatagrams)
		t.Run("numbers", TestTryOfANumberThatWasAnotherFile)
		t.Run("TryAccept", TestTryAcceptOfAForeignListenerAndOneInBlockingMode)
		t.Run("resets", TestTryAcceptPassesOverWhoHasReset)
		t.Run("unix", TestTryAcceptOfAUnixListener)
		t.Run("EMFILE", TestOutOfDescriptorsTryAcceptLeavesTheClientWhereItIs)
		t.Run("inheritance", TestAnAcceptedDescriptorIsNeverInheritable)
	})
}

// numberListener is a listener of somebody's own. Its descriptor may be anything.
type numberListener struct {
	net.Listener
	syscall.RawConn
	fd   uintptr
	none bool
}

func (l numberListener) SyscallConn() (syscall.RawConn, error) { return l, nil }

func (l numberListener) Control(f func(uintptr)) error {
	if !l.none {
		f(l.fd)
	}
	return nil
}

// A rawConn without a number gives none to read from, so the standard input keeps
// what it has.
func TestTryOfWhatGivesNoDescriptorReadsNothing(t *testing.T) {
	if !inChild(t, nil) {
		return
	}
	r, w := pipe(t)
	fill(t, w)
	if err := unix.Dup2(r.fd, 0); err != nil {
		t.Fatal(err)
	}
	for _, obj := range []any{nil, silentConn{}, numberListener{none: true}, numberListener{fd: ^uintptr(0)}, numberListener{fd: 1 << 31}, uint64(1 << 32)} {
		if n, err := TryRead(obj, make([]byte, 1)); n != 0 || !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("TryRead of a %T = %d, %v", obj, n, err)
		}
	}
	if n, err := TryRead(0, make([]byte, 9)); n != 1 || err != nil {
		t.Errorf("TryRead of the standard input = %d, %v", n, err)
	}
}

func TestACloseMeanwhileNeverGivesAnotherOnesData(t *testing.T) {
	rounds := 200
	if longTests {
		rounds = 2000
	}
	for range rounds {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fds[0]), "")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		ended := readUntilClosed(t, c)
		c.Close()
		r, w := pipe(t) // has the number now
		fill(t, w)
		<-ended
		r.close()
		w.close()
		unix.Close(fds[1])
	}
}
