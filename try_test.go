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
	"testing"
	"time"
)

func TestTryReadGivesWhatThereIs(t *testing.T) {
	a, b := tcpPair(t)
	buf := make([]byte, 10)
	for _, deadline := range []time.Time{{}, time.Unix(1, 0)} {
		a.SetDeadline(deadline) // package net's business alone
		if n, err := TryRead(a, buf); n != 0 || err != ErrWouldBlock {
			t.Errorf("TryRead of nothing = %d, %v", n, err)
		}
		b.Write([]byte("hello"))
		waitReadable(t, a)
		if n, err := TryRead(a, buf[:3]); n != 3 || err != nil || string(buf[:3]) != "hel" {
			t.Errorf("TryRead = %d, %v", n, err)
		}
		if n, err := TryRead(a, nil); n != 0 || err != nil {
			t.Errorf("TryRead into nothing = %d, %v", n, err)
		}
		if n, err := TryRead(fdOf(t, a), buf); n != 2 || err != nil || string(buf[:2]) != "lo" {
			t.Errorf("TryRead = %d, %v", n, err)
		}
	}
	b.CloseWrite()
	waitReadable(t, a)
	for range 2 {
		if n, err := TryRead(a, buf); n != 0 || err != io.EOF {
			t.Errorf("TryRead at the end = %d, %v", n, err)
		}
	}
	// The other direction is open.
	if n, err := TryWrite(a, []byte("x")); n != 1 || err != nil {
		t.Errorf("TryWrite = %d, %v", n, err)
	}
}

// waitReadable waits until a connection is ready to be read from.
func waitReadable(t testing.TB, c any) {
	t.Helper()
	s, err := NewDefaultSelector()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	register(t, s, c, EventRead, nil)
	if ready, err := s.Select(hang); len(ready) != 1 {
		t.Fatalf("nothing to read: %v", err)
	}
}

func TestTryWriteWritesWhatFits(t *testing.T) {
	a, b := tcpPair(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	s, err := NewDefaultSelector()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	register(t, s, a, EventWrite, nil)
	got, full := make(chan []byte), make(chan struct{})
	go func() {
		<-full // a reader that is quick enough leaves room for all
		all, _ := io.ReadAll(b)
		got <- all
	}()
	partly := false
	for rest := data; len(rest) > 0; {
		n, err := TryWrite(a, rest)
		if err == ErrWouldBlock {
			if ready, err := s.Select(hang); len(ready) != 1 {
				t.Fatalf("no room: %v", err)
			}
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("TryWrite = %d, %v", n, err)
		}
		if n < len(rest) && !partly {
			partly = true
			close(full)
		}
		rest = rest[n:]
	}
	if !partly {
		t.Fatal("no write took a part")
	}
	a.CloseWrite()
	if all := <-got; !bytes.Equal(all, data) {
		t.Errorf("%d bytes arrived of %d, or others", len(all), len(data))
	}
}

func TestTryAcceptGivesWhatAcceptGives(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 3 {
		if c, err := TryAccept(l); c != nil || err != ErrWouldBlock {
			t.Fatalf("TryAccept of nobody = %v, %v", c, err)
		}
		client, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		waitReadable(t, l)
		c, err := TryAccept(l)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conn, ok := c.(*net.TCPConn)
		if !ok || conn.RemoteAddr().String() != client.LocalAddr().String() || conn.LocalAddr().String() != l.Addr().String() {
			t.Fatalf("TryAccept = %T from %v", c, c.RemoteAddr())
		}
		client.Write([]byte("x"))
		receive(t, conn)
		conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v", err)
		}
		if err := conn.CloseWrite(); err != nil {
			t.Error(err)
		}
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the client reads %v", err)
		}
	}
}

func TestTryOfWhatIsClosedGivesItsOwnError(t *testing.T) {
	a, _ := tcpPair(t)
	fd := fdOf(t, a)
	a.Close()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	buf := []byte("x")
	if n, err := TryRead(a, buf); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("TryRead = %d, %v", n, err)
	}
	if n, err := TryWrite(a, buf); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("TryWrite = %d, %v", n, err)
	}
	if c, err := TryAccept(l); c != nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("TryAccept = %v, %v", c, err)
	}
	var se *os.SyscallError
	if n, err := TryRead(fd, buf); n != 0 || !errors.As(err, &se) {
		t.Errorf("TryRead of the number = %d, %v", n, err)
	}
}

func TestTryRefusesWhatIsNoFileObject(t *testing.T) {
	for _, fileobj := range []any{nil, (*net.TCPConn)(nil), "text", -1, 1.5, struct{}{}} {
		if n, err := TryRead(fileobj, make([]byte, 1)); n != 0 || !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("TryRead of %v = %d, %v", fileobj, n, err)
		}
		if n, err := TryWrite(fileobj, make([]byte, 1)); n != 0 || !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("TryWrite of %v = %d, %v", fileobj, n, err)
		}
	}
	for _, l := range []net.Listener{nil, (*net.TCPListener)(nil), struct{ net.Listener }{}} {
		if c, err := TryAccept(l); c != nil || !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("TryAccept of %T = %v, %v", l, c, err)
		}
	}
}

func listenTCP(t testing.TB) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dialTo(t testing.TB, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestTryReadOfAListenerIsTheSystemsError(t *testing.T) {
	l := listenTCP(t)
	dialTo(t, l)
	waitReadable(t, l)
	var se *os.SyscallError
	for _, obj := range []any{l, fdOf(t, l)} {
		if n, err := TryRead(obj, make([]byte, 1)); n != 0 || !errors.As(err, &se) || errors.Is(err, ErrWouldBlock) {
			t.Errorf("TryRead = %d, %v", n, err)
		}
		if n, err := TryWrite(obj, make([]byte, 1)); n != 0 || !errors.As(err, &se) || errors.Is(err, ErrWouldBlock) {
			t.Errorf("TryWrite = %d, %v", n, err)
		}
	}
}

// One call passes over all who have reset. Where the loopback takes its time the
// one who stays may not be there yet: then it is tried again.
func TestTryAcceptPassesOverWhoHasReset(t *testing.T) {
	l := listenTCP(t)
	for begin := time.Now(); time.Since(begin) < hang; {
		for range 20 {
			c := dialTo(t, l).(*net.TCPConn)
			c.SetLinger(0)
			c.Close()
		}
		client := dialTo(t, l)
		var c net.Conn
		calls := 0
		for err := ErrWouldBlock; err == ErrWouldBlock; calls++ {
			waitReadable(t, l)
			if c, err = TryAccept(l); err != nil && err != ErrWouldBlock {
				t.Fatal(err)
			}
		}
		if c.RemoteAddr() == nil || c.RemoteAddr().String() != client.LocalAddr().String() {
			t.Errorf("it is from %v", c.RemoteAddr())
		}
		c.Close()
		client.Close()
		if calls == 1 {
			return
		}
	}
	t.Fatal("no single call has passed over all of them")
}

// readUntilClosed reads in a goroutine what must never have anything to read, and
// returns once that has begun. It ends when c is closed.
func readUntilClosed(t *testing.T, c net.Conn) (ended <-chan bool) {
	began, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		buf := make([]byte, 10)
		for i := 0; ; i++ {
			n, err := TryRead(c, buf)
			if n != 0 || err != ErrWouldBlock && !errors.Is(err, net.ErrClosed) {
				t.Errorf("TryRead = %q, %v", buf[:n], err)
			}
			if i == 0 {
				close(began)
			}
			if n != 0 || err != ErrWouldBlock {
				return
			}
			if i%16 == 0 {
				runtime.Gosched()
			}
		}
	}()
	<-began
	return done
}

// What is done before a TryWrite comes before what is done after the TryRead of
// it, for the race detector too.
func TestTryWriteComesBeforeTryRead(t *testing.T) {
	a, b := tcpPair(t)
	shared := 0
	go func() {
		shared = 1
		TryWrite(b, []byte("x"))
	}()
	p := make([]byte, 1)
	eventually("the byte", func() bool {
		n, _ := TryRead(a, p)
		return n == 1
	})
	if shared != 1 {
		t.Errorf("shared = %d", shared)
	}
}
