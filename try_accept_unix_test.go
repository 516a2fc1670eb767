// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAnAcceptedDescriptorIsNeverInheritable(t *testing.T) {
	l := listenTCP(t)
	dialTo(t, l)
	waitReadable(t, l)
	fd, name, err := acceptOne(fdOf(t, l))
	if err != nil {
		t.Fatal(name, err)
	}
	defer unix.Close(fd)
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("its flags are %x, %v", flags, err)
	}
}

func TestTryAcceptDoesntWaitForAFork(t *testing.T) {
	if accept4 == nil {
		t.Skip("without accept4 it has to")
	}
	l := listenTCP(t)
	dialTo(t, l)
	waitReadable(t, l)
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	within(t, "TryAccept", func() {
		c, err := TryAccept(l)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

// A stuck accept is one of a listener in blocking mode whose client somebody else
// has taken.
func TestTryAcceptOfOneListenerDoesntWaitForAnothers(t *testing.T) {
	if accept4 == nil {
		t.Skip("the test needs it")
	}
	stuck, other := listenTCP(t), listenTCP(t)
	for _, l := range []net.Listener{stuck, other} {
		unix.SetNonblock(fdOf(t, l.(syscall.Conn)), false)
		dialTo(t, l)
		waitReadable(t, l)
	}
	defer func(old func(int, int) (int, unix.Sockaddr, error)) { accept4 = old }(accept4)
	system, number := accept4, fdOf(t, stuck)
	entered, release, ended := make(chan bool), make(chan bool), make(chan bool)
	accept4 = func(fd, flags int) (int, unix.Sockaddr, error) {
		if fd == number {
			close(entered)
			<-release
		}
		return system(fd, flags)
	}
	go func() {
		defer close(ended)
		if c, err := TryAccept(stuck); err == nil {
			c.Close()
		}
	}()
	<-entered
	within(t, "TryAccept", func() {
		c, err := TryAccept(other)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
	close(release)
	<-ended
}

func TestTryAcceptOfAListenerThatGivesNoDescriptor(t *testing.T) {
	for _, l := range []numberListener{{none: true}, {fd: ^uintptr(0)}, {fd: 1 << 31}} {
		if c, err := TryAccept(l); c != nil || !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("TryAccept = %v, %v", c, err)
		}
	}
}

func TestABlockingListenerIsPutBackAsDocumented(t *testing.T) {
	l := listenTCP(t)
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Fd()
	fd := fdOf(t, l)
	if flagsOf(t, fd)&unix.O_NONBLOCK != 0 {
		t.Log("Fd didn't put it into blocking mode")
	}
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.SetNonblock(int(fd), true) })
	if err != nil || flagsOf(t, fd)&unix.O_NONBLOCK == 0 {
		t.Errorf("it is still in blocking mode: %v", err)
	}
}

// foreignListener is not of package net.
type foreignListener struct{ *net.TCPListener }

func (foreignListener) Accept() (net.Conn, error) { panic("Accept was called") }

func TestTryAcceptOfAForeignListenerAndOneInBlockingMode(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			l := listenTCP(t)
			fd := fdOf(t, l)
			unix.SetNonblock(fd, mode.nonblock)
			defer unix.SetNonblock(fd, true)
			for _, l := range []net.Listener{l, foreignListener{l}} {
				if c, err := TryAccept(l); c != nil || err != ErrWouldBlock {
					t.Fatalf("TryAccept = %v, %v", c, err)
				}
				client := dialTo(t, l)
				waitReadable(t, fd)
				c, err := TryAccept(l)
				if err != nil {
					t.Fatal(err)
				}
				if c.RemoteAddr().String() != client.LocalAddr().String() {
					t.Errorf("it is from %v", c.RemoteAddr())
				}
				c.Close()
			}
			if nonblock := flagsOf(t, fd)&unix.O_NONBLOCK != 0; nonblock != mode.nonblock {
				t.Error("the mode was changed")
			}
		})
	}
}

func TestTryAcceptSetsTheOptionsThatAcceptSets(t *testing.T) {
	l := listenTCP(t)
	options := func(accept func() (net.Conn, error)) (values [3]int) {
		dialTo(t, l)
		waitReadable(t, l)
		c, err := accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fd := fdOf(t, c.(*net.TCPConn))
		for i, o := range [][2]int{{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE}} {
			if values[i], err = unix.GetsockoptInt(fd, o[0], o[1]); err != nil {
				t.Fatal(err)
			}
		}
		values[2] = flagsOf(t, fd)
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("it is not closed on exec: %v", err)
		}
		return values
	}
	if want, got := options(l.Accept), options(func() (net.Conn, error) { return TryAccept(l) }); got != want {
		t.Errorf("no-delay, keep-alive, flags are %v, want %v", got, want)
	}
}

func TestTryAcceptOfAUnixListener(t *testing.T) {
	for _, network := range []string{"unix", "unixpacket"} {
		t.Run(network, func(t *testing.T) {
			l, err := net.Listen(network, filepath.Join(t.TempDir(), "s"))
			if network == "unixpacket" && err != nil {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if c, err := TryAccept(l); c != nil || err != ErrWouldBlock {
				t.Fatalf("TryAccept = %v, %v", c, err)
			}
			client := dialTo(t, l)
			io.WriteString(client, "hello")
			client.Close() // what it has said is still there
			waitReadable(t, l)
			c, err := TryAccept(l)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, ok := c.(*net.UnixConn); !ok {
				t.Errorf("it is a %T", c)
			}
			if text, err := io.ReadAll(c); string(text) != "hello" || err != nil {
				t.Errorf("it says %q, %v", text, err)
			}
		})
	}
}

func TestOutOfDescriptorsTryAcceptLeavesTheClientWhereItIs(t *testing.T) {
	l := listenTCP(t)
	client := dialTo(t, l)
	waitReadable(t, l)
	r, _ := pipe(t)
	taken := takeAll(t, r)
	for free := range 2 {
		before := openDescriptors()
		c, err := TryAccept(l)
		if c != nil || !errors.Is(err, unix.EMFILE) {
			t.Errorf("TryAccept with %d free descriptors = %v, %v", free, c, err)
		}
		var se *os.SyscallError
		if !errors.As(err, &se) {
			t.Errorf("%v is no *os.SyscallError", err)
		}
		if after := openDescriptors(); !slices.Equal(before, after) {
			t.Errorf("with %d free descriptors: open are %v, before %v", free, after, before)
		}
		taken[free].close()
	}
	c, err := TryAccept(l)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.RemoteAddr().String() != client.LocalAddr().String() {
		t.Errorf("it is from %v", c.RemoteAddr())
	}
}

// acceptAll accepts by eight goroutines until stop, and sends each client one
// byte. It returns how many it has accepted.
func acceptAll(l net.Listener, stop *atomic.Bool) (accepted int64, err error) {
	sel, err := NewDefaultSelector()
	if err != nil {
		return 0, err
	}
	defer sel.Close()
	if _, err := sel.Register(l, EventRead, nil); err != nil {
		return 0, err
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for !stop.Load() {
				ready, e := sel.Select(settle)
				if len(ready) == 0 && e == nil {
					continue
				}
				var c net.Conn
				if e == nil {
					c, e = TryAccept(l)
				}
				if e == ErrWouldBlock {
					continue
				}
				if e == nil {
					_, e = c.Write([]byte("x"))
					c.Close()
				}
				mu.Lock()
				accepted++
				err = errors.Join(err, e)
				mu.Unlock()
			}
		}()
	}
	all.Wait()
	return accepted, err
}

func TestTwoProcessesAndEightGoroutinesOnOneListener(t *testing.T) {
	const mark = "SELECTORS_ACCEPT"
	var stop atomic.Bool
	if os.Getenv(mark) != "" {
		l, err := net.FileListener(os.NewFile(3, ""))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("ready")
		go func() {
			io.Copy(io.Discard, os.Stdin)
			stop.Store(true)
		}()
		accepted, err := acceptAll(l, &stop)
		if err != nil {
			t.Error(err)
		}
		fmt.Println(accepted)
		return
	}
	clients := 1000
	if longTests {
		clients = 10_000
	}
	l := listenTCP(t)
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	child, in, lines := startAgain(t, mark+"=1", f)
	var word string
	if _, err := fmt.Fscanln(lines, &word); word != "ready" {
		t.Fatalf("the child says %q, %v", word, err)
	}
	ours := make(chan int64)
	go func() {
		accepted, err := acceptAll(l, &stop)
		if err != nil {
			t.Error(err)
		}
		ours <- accepted
	}()
	var all sync.WaitGroup
	work := make(chan bool)
	for range 16 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range work {
				c, err := net.Dial("tcp4", l.Addr().String())
				if err != nil {
					t.Error(err)
					continue
				}
				c.SetDeadline(time.Now().Add(hang))
				if text, err := io.ReadAll(c); string(text) != "x" || err != nil {
					t.Errorf("a client was told %q, %v", text, err)
				}
				c.Close()
			}
		}()
	}
	for range clients {
		work <- true
	}
	close(work)
	all.Wait()
	stop.Store(true)
	in.Close()
	var theirs int64
	fmt.Fscanln(lines, &theirs)
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if n := <-ours; n+theirs != int64(clients) {
		t.Errorf("%d and %d were accepted, of %d", n, theirs, clients)
	}
}
