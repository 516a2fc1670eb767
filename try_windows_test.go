// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// parked returns when a goroutine that the test started waits in package net.
func parked(t *testing.T) {
	name, _, _ := strings.Cut(t.Name(), "/")
	buf := make([]byte, 1<<20)
	eventually("a goroutine waits", func() bool {
		for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, "[IO wait") && strings.Contains(stack, name+".func") {
				return true
			}
		}
		return false
	})
}

func TestPackageNetsPendingCallsGoOnAfterATry(t *testing.T) {
	buf := make([]byte, 10)
	t.Run("Read", func(t *testing.T) {
		a, b := tcpPair(t)
		for range 2 { // the second one begins in non-blocking mode
			read := make(chan error)
			go func() {
				_, err := a.Read(make([]byte, 1))
				read <- err
			}()
			parked(t)
			if n, err := TryRead(a, buf); n != 0 || err != ErrWouldBlock {
				t.Errorf("TryRead = %d, %v", n, err)
			}
			if n, err := TryWrite(a, []byte("x")); n != 1 || err != nil {
				t.Errorf("TryWrite = %d, %v", n, err)
			}
			receive(t, b)
			send(t, b)
			within(t, "Read", func() {
				if err := <-read; err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Run("Write", func(t *testing.T) {
		a, b := tcpPair(t)
		want := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
		for range 2 {
			written := make(chan error)
			go func() {
				_, err := a.Write(want)
				written <- err
			}()
			parked(t)
			if n, err := TryRead(a, buf); n != 0 || err != ErrWouldBlock {
				t.Errorf("TryRead = %d, %v", n, err)
			}
			within(t, "Write", func() {
				got := make([]byte, len(want))
				if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, want) {
					t.Errorf("other bytes have come: %v", err)
				}
				if err := <-written; err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Run("Accept", func(t *testing.T) {
		l := listenTCP(t)
		for range 2 {
			accepted := make(chan error)
			go func() {
				c, err := l.Accept()
				if err == nil {
					c.Close()
				}
				accepted <- err
			}()
			parked(t)
			if c, err := TryAccept(l); c != nil || err != ErrWouldBlock {
				t.Errorf("TryAccept = %v, %v", c, err)
			}
			// A listener is put into non-blocking mode by this alone.
			if n, err := TryRead(l, buf); n != 0 || err == nil {
				t.Errorf("TryRead = %d, %v", n, err)
			}
			dialTo(t, l)
			within(t, "Accept", func() {
				if err := <-accepted; err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// tryListener accepts by TryAccept, as a server's own listener may.
type tryListener struct{ *net.TCPListener }

func (l tryListener) Accept() (net.Conn, error) { return TryAccept(l) }

func TestTryAcceptTakesListenersOfPackageNetAlone(t *testing.T) {
	l := listenTCP(t)
	dialTo(t, l)
	waitReadable(t, l)
	for _, foreign := range []net.Listener{tryListener{l}, &tryListener{l}, struct{ *net.TCPListener }{l}} {
		within(t, "TryAccept", func() {
			c, err := TryAccept(foreign)
			if c != nil || !errors.Is(err, ErrInvalidFileObj) || !strings.Contains(err.Error(), "net.TCPListener") {
				t.Errorf("TryAccept of a %T = %v, %v", foreign, c, err)
			}
		})
	}
	c, err := TryAccept(l) // the client is still there
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// A listener that somebody uses is in nobody else's way.
func TestTryAcceptOfOneListenerDoesntWaitForAnothers(t *testing.T) {
	busy, l := listenTCP(t), listenTCP(t)
	done := takeTurn(busy)
	dialTo(t, l)
	waitReadable(t, l)
	within(t, "TryAccept", func() {
		c, err := TryAccept(l)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
	done()
	if n := len(accepting.turns); n != 0 {
		t.Errorf("%d listeners are kept", n)
	}
}

func TestGoroutinesShareAListenerByTryAccept(t *testing.T) {
	l := listenTCP(t)
	const clients = 40
	accepted := make(chan error, clients)
	for range 4 {
		go func() {
			for range clients / 4 {
				var c net.Conn
				err := ErrWouldBlock
				for err == ErrWouldBlock {
					runtime.Gosched()
					c, err = TryAccept(l)
				}
				if err == nil {
					c.Close()
				}
				accepted <- err
			}
		}()
	}
	for range clients {
		dialTo(t, l)
	}
	for range clients {
		within(t, "TryAccept", func() {
			if err := <-accepted; err != nil {
				t.Error(err)
			}
		})
	}
	// The deadline is gone: an Accept waits.
	ended := make(chan error)
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.Close()
		}
		ended <- err
	}()
	parked(t)
	dialTo(t, l)
	within(t, "Accept", func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestTryOfASelectorKeyIsRefused(t *testing.T) {
	a, _ := tcpPair(t)
	each(t, func(t *testing.T, s Selector) {
		key := register(t, s, a, EventRead, nil)
		if _, err := TryRead(key, make([]byte, 1)); !errors.Is(err, ErrInvalidFileObj) || !strings.Contains(err.Error(), "FileObj") {
			t.Errorf("TryRead: %v", err)
		}
	})
}

// blockingPair returns a socket that was never put into non-blocking mode, and
// its peer.
func blockingPair(t *testing.T) (windows.Handle, *net.TCPConn) {
	t.Helper()
	l := listenTCP(t)
	h, err := windows.Socket(windows.AF_INET, windows.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { windows.Closesocket(h) })
	if err := windows.Connect(h, &windows.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	c, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return h, c
}

func TestTryOfASocketInBlockingMode(t *testing.T) {
	h, c := blockingPair(t)
	within(t, "TryRead", func() {
		n, err := TryRead(h, make([]byte, 1))
		if n != 0 || err != ErrWouldBlock || !errors.Is(err, windows.WSAEWOULDBLOCK) {
			t.Errorf("TryRead = %d, %v", n, err)
		}
	})
	send(t, c)
	waitReadable(t, h)
	if n, err := TryRead(h, make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("TryRead = %d, %v", n, err)
	}
}

func TestTryWriteToAFullBufferIsShortAndThenWouldBlock(t *testing.T) {
	h, c := blockingPair(t)
	large := make([]byte, 1<<20)
	total := 0
	within(t, "TryWrite", func() {
		for {
			n, err := TryWrite(h, large)
			if err == ErrWouldBlock && n == 0 {
				break
			}
			if err != nil || n == 0 || n == len(large) {
				t.Fatalf("TryWrite = %d, %v", n, err)
			}
			total += n
		}
	})
	if n, err := TryWrite(h, large); n != 0 || err != ErrWouldBlock {
		t.Errorf("TryWrite = %d, %v", n, err)
	}
	windows.Shutdown(h, windows.SHUT_WR)
	within(t, "Copy", func() {
		if n, err := io.Copy(io.Discard, c); n != int64(total) || err != nil {
			t.Errorf("%d bytes came of %d: %v", n, total, err)
		}
	})
}

func TestTryOfDatagrams(t *testing.T) {
	server, err := newSelfBound()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := newSelfBound()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	to, err := windows.Getsockname(windows.Handle(server))
	if err == nil {
		err = windows.Connect(windows.Handle(client), to)
	}
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 3)
	if n, err := TryRead(server, buf); n != 0 || err != ErrWouldBlock {
		t.Errorf("TryRead of nothing = %d, %v", n, err)
	}
	for _, text := range []string{"ab", "", "abcdef", "z"} {
		if n, err := TryWrite(client, []byte(text)); n != len(text) || err != nil {
			t.Fatalf("TryWrite = %d, %v", n, err)
		}
		waitReadable(t, server)
		want := text[:min(3, len(text))]
		if n, err := TryRead(server, buf); string(buf[:n]) != want || err != nil {
			t.Errorf("TryRead of %q = %q, %v", text, buf[:n], err)
		}
	}
	for _, size := range []int{1 << 16, 1 << 20} {
		if n, err := TryWrite(client, make([]byte, size)); n != 0 || !errors.Is(err, windows.WSAEMSGSIZE) {
			t.Errorf("TryWrite of %d bytes = %d, %v", size, n, err)
		}
	}
}

func TestTryWriteAfterAResetIsTheSystemsError(t *testing.T) {
	a, b := tcpPair(t)
	b.SetLinger(0)
	b.Close()
	waitReadable(t, a)
	// Wine takes it for the end of the stream, in package net's Read as well.
	if n, err := TryRead(a, make([]byte, 1)); n != 0 || err != io.EOF && !errors.Is(err, windows.WSAECONNRESET) {
		t.Errorf("TryRead = %d, %v", n, err)
	}
	var se *os.SyscallError
	for range 2 {
		n, err := TryWrite(a, []byte("x"))
		if n != 0 || !errors.As(err, &se) || se.Err != windows.WSAECONNRESET && se.Err != windows.WSAECONNABORTED {
			t.Errorf("TryWrite = %d, %v", n, err)
		}
	}
}

func TestACloseMeanwhileNeverGivesAnotherOnesData(t *testing.T) {
	for range rounds(20, 100, 1000) {
		a, b, err := newPair()
		if err != nil {
			t.Fatal(err)
		}
		ended := readUntilClosed(t, a)
		a.Close()
		c, d, err := newPair() // one of them, or its listener, has the number now
		if err != nil {
			t.Fatal(err)
		}
		send(t, c)
		send(t, d)
		<-ended
		for _, conn := range []net.Conn{b, c, d} {
			conn.Close()
		}
	}
}

func TestTryOfWhatIsNoSocket(t *testing.T) {
	file, null, r, w := noSockets(t)
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{file, null, r, w} {
		fd := fdOf(t, f)
		for _, obj := range []any{f, fd} {
			name := map[bool]string{true: "int", false: "*os.File"}[obj == fd]
			n, err := TryRead(obj, make([]byte, 1))
			refused(t, err, windows.WSAENOTSOCK, "TryRead", name, fd)
			m, err := TryWrite(obj, []byte("x"))
			refused(t, err, windows.WSAENOTSOCK, "TryWrite", name, fd)
			if n != 0 || m != 0 {
				t.Errorf("%d, %d bytes", n, m)
			}
		}
	}
	// Nothing was taken out of the pipe.
	if n, err := r.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("Read = %d, %v", n, err)
	}
}
