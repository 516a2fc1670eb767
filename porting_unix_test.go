// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix && !aix

package selectors_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors"
)

// The part of the cookbook that needs a unix. AIX has no MSG_DONTWAIT.

// listener.setblocking(False); os.fork()
// sel = DefaultSelector(); sel.register(listener, EVENT_READ)
// while True:
//
//	sel.select()
//	try: conn, _ = listener.accept()
//	except BlockingIOError: continue  # the other process was quicker
//	conn.send(str(os.getpid()).encode()); conn.close()
func acceptLoop(sel selectors.Selector, listener net.Listener) error {
	if _, err := sel.Register(listener, selectors.EventRead, nil); err != nil {
		return err
	}
	for {
		if _, err := sel.Select(selectors.Forever); err != nil {
			return err
		}
		conn, err := selectors.TryAccept(listener)
		if errors.Is(err, selectors.ErrWouldBlock) {
			continue // the other process was quicker
		}
		if err != nil {
			return err
		}
		if _, err := selectors.TryWrite(conn, []byte(strconv.Itoa(os.Getpid()))); err != nil {
			return err
		}
		conn.Close()
	}
}

// putBack puts a listener back into non-blocking mode, after exec.Cmd.ExtraFiles.
func putBack(listener syscall.Conn) error {
	raw, err := listener.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) { err = syscall.SetNonblock(int(fd), true) })
	return errors.Join(controlErr, err)
}

func TestPortAnAcceptLoopInTwoProcesses(t *testing.T) {
	const mark = "SELECTORS_ACCEPT_LOOP"
	sel := newSelector(t)
	if os.Getenv(mark) != "" {
		listener, err := net.FileListener(os.NewFile(3, ""))
		must(t, err)
		t.Fatal(acceptLoop(sel, listener)) // until it is killed
	}
	listener := listenLocal(t)
	file, err := listener.(*net.TCPListener).File()
	must(t, err)
	defer file.Close()
	other := again(t, mark+"=1")
	other.ExtraFiles = []*os.File{file}
	must(t, other.Start())
	defer other.Wait()
	defer other.Process.Kill()
	must(t, putBack(listener.(*net.TCPListener)))

	ask := func() string {
		conn, err := net.Dial("tcp4", listener.Addr().String())
		must(t, err)
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Minute))
		answer, err := io.ReadAll(conn)
		must(t, err)
		return string(answer)
	}
	us, them := strconv.Itoa(os.Getpid()), strconv.Itoa(other.Process.Pid)
	if got := ask(); got != them { // nobody else accepts yet
		t.Fatalf("the answer is of %q, want %q", got, them)
	}
	ended := make(chan error, 1)
	go func() { ended <- acceptLoop(sel, listener) }()
	for range 1000 {
		if got := ask(); got != us && got != them {
			t.Errorf("the answer is of %q, want %q or %q", got, us, them)
		}
	}
	must(t, sel.Close()) // which an accept that waits would not hear of
	if err := <-ended; !errors.Is(err, selectors.ErrClosed) {
		t.Error(err)
	}
}

// What the documentation says of a listener that is handed to a child.
func TestAListenerOfExtraFilesIsInBlockingModeUntilItIsPutBack(t *testing.T) {
	listener := listenLocal(t).(*net.TCPListener)
	file, err := listener.File()
	must(t, err)
	defer file.Close()
	blocking := func() bool {
		raw, err := listener.SyscallConn()
		must(t, err)
		flags := 0
		raw.Control(func(fd uintptr) { flags, err = unix.FcntlInt(fd, unix.F_GETFL, 0) })
		must(t, err)
		return flags&unix.O_NONBLOCK == 0
	}
	if blocking() {
		t.Error("it is in blocking mode from the start")
	}
	child := file.Fd() // what exec.Cmd calls for its ExtraFiles
	if !blocking() {
		t.Error("it is in non-blocking mode after Fd")
	}

	raw, err := listener.SyscallConn()
	raw.Control(func(fd uintptr) { err = syscall.SetNonblock(int(fd), true) })

	if err != nil || blocking() {
		t.Errorf("it was not put back: %v", err)
	}
	file.Fd()
	must(t, putBack(listener))
	if blocking() {
		t.Error("it was not put back again")
	}
	if _, _, err := unix.Accept(int(child)); err != unix.EAGAIN {
		t.Errorf("a plain accept gives %v, want %v", err, unix.EAGAIN)
	}
}

// data, addr = sock.recvfrom(n)
func recvfrom(conn syscall.Conn, p []byte) (n int, from unix.Sockaddr, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	closed := raw.Control(func(fd uintptr) { n, from, err = unix.Recvfrom(int(fd), p, unix.MSG_DONTWAIT) })
	return max(n, 0), from, errors.Join(closed, err) // unix.EAGAIN for BlockingIOError
}

// sock.sendto(data, addr)
func sendto(conn syscall.Conn, p []byte, to unix.Sockaddr) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	closed := raw.Control(func(fd uintptr) { err = unix.Sendto(int(fd), p, unix.MSG_DONTWAIT, to) })
	return errors.Join(closed, err)
}

func TestPortDatagramsWithAddresses(t *testing.T) {
	sel := newSelector(t)
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	defer server.Close()
	client, err := net.Dial("udp4", server.LocalAddr().String())
	must(t, err)
	defer client.Close()
	_, err = sel.Register(server, selectors.EventRead, nil)
	must(t, err)
	buf := make([]byte, 100)
	if _, _, err := recvfrom(server.(*net.UDPConn), buf); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("with nothing there: %v", err)
	}
	_, err = io.WriteString(client, "hello")
	must(t, err)
	_, err = sel.Select(selectors.Forever)
	must(t, err)
	n, from, err := recvfrom(server.(*net.UDPConn), buf)
	must(t, err)
	if port := from.(*unix.SockaddrInet4).Port; port != client.LocalAddr().(*net.UDPAddr).Port {
		t.Errorf("it comes from port %d", port)
	}
	must(t, sendto(server.(*net.UDPConn), bytes.ToUpper(buf[:n]), from))
	client.SetDeadline(time.Now().Add(time.Minute))
	if n, err := client.Read(buf); err != nil || string(buf[:n]) != "HELLO" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

// sock.setblocking(False); err = sock.connect_ex(addr)
// sel.register(sock, EVENT_WRITE); sel.select()
// err = sock.getsockopt(SOL_SOCKET, SO_ERROR)
func connectBySelector(sel selectors.Selector, addr unix.Sockaddr) (fd int, err error) {
	syscall.ForkLock.RLock() // SOCK_CLOEXEC|SOCK_NONBLOCK, where the system has them
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, err
	}
	err = unix.SetNonblock(fd, true)
	if err == nil {
		err = unix.Connect(fd, addr)
	}
	if err == unix.EINPROGRESS {
		if _, err = sel.Register(fd, selectors.EventWrite, nil); err == nil {
			_, err = sel.Select(selectors.Forever) // the program's own loop does this
			sel.Unregister(fd)
		}
		if err == nil {
			var refused int
			if refused, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); refused != 0 {
				err = unix.Errno(refused)
			}
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func TestPortAConnectInProgress(t *testing.T) {
	sel := newSelector(t)
	listener := listenLocal(t)
	addr := &unix.SockaddrInet4{Port: listener.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	fd, err := connectBySelector(sel, addr)
	must(t, err)
	defer unix.Close(fd)
	conn, err := listener.Accept()
	must(t, err)
	defer conn.Close()
	if n, err := selectors.TryWrite(fd, []byte("hello")); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	listener.Close() // and nobody listens there any more
	tries := 1
	if runtime.GOOS == "dragonfly" {
		tries = 1000 // close(2) goes on after it has returned (soclose_fast)
	}
	for ; tries > 0 && !errors.Is(err, unix.ECONNREFUSED); tries-- {
		if fd, err = connectBySelector(sel, addr); err == nil {
			unix.Close(fd)
		}
		if os.Getenv("SELECTORS_EMULATED") != "" && err == unix.Errno(111) {
			err = unix.ECONNREFUSED // qemu-user doesn't translate what SO_ERROR gives
		}
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("to where nobody listens: %d, %v", fd, err)
	}
}
