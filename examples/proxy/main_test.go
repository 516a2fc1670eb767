// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/go-selectors/selectors"
	"github.com/go-selectors/selectors/examples/internal/program"
)

func TestMain(m *testing.M) {
	program.Main(m, func() {
		if n := os.Getenv(freeDescriptors); n != "" {
			leaveFree(n)
		}
		main()
	})
}

const freeDescriptors = "SELECTORS_EXAMPLE_FREE_DESCRIPTORS"

// leaveFree lets the process have so many descriptors more.
func leaveFree(number string) {
	n, _ := strconv.Atoi(number)
	var taken []*os.File
	for range n + 1 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			panic(err)
		}
		taken = append(taken, f)
	}
	// They have the lowest numbers that were free.
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		panic(err)
	}
	setLimit(&limit.Cur, taken[n].Fd())
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		panic(err)
	}
	for _, f := range taken {
		f.Close()
	}
}

// setLimit takes a limit as the system has it, signed or not.
func setLimit[T int64 | uint64](limit *T, n uintptr) { *limit = T(n) }

// What the proxy does every second it does more often here.
const every = "50ms"

// start runs the proxy on a free port, for a target.
func start(t *testing.T, to string, environment ...string) (proxy *exec.Cmd, addr string) {
	t.Helper()
	proxy = exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "-to", to, "-every", every)
	proxy.Env = append(os.Environ(), environment...)
	return proxy, program.Serve(t, proxy)
}

// serve runs a server that hands each connection to a function.
func serve(t *testing.T, handle func(c *net.TCPConn)) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			wait(c)
			go handle(c.(*net.TCPConn))
		}
	}()
	return listener.Addr().String()
}

// wait gives what comes next a minute.
func wait(c net.Conn) { c.SetDeadline(time.Now().Add(time.Minute)) }

// echo waits as long as its client does.
func echo(c *net.TCPConn) {
	c.SetDeadline(time.Time{})
	io.Copy(c, c)
	c.Close()
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	wait(c)
	return c.(*net.TCPConn)
}

// try exchanges a byte over a connection that the proxy may reset at any time.
func try(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	wait(c)
	c.Write([]byte{'x'})
	_, err = c.Read(make([]byte, 1))
	return err
}

func exchange(t *testing.T, c *net.TCPConn, text string) {
	t.Helper()
	wait(c)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("got %q (%v), want %q", got, err, text)
	}
}

// fill writes until next to nothing is taken. The kernels' buffers take some
// megabytes, a proxy that goes on reading takes it all.
func fill(t *testing.T, c *net.TCPConn) (sent int) {
	t.Helper()
	piece := make([]byte, 1<<20)
	for sent < 64<<20 {
		c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		n, err := c.Write(piece)
		sent += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return sent
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("the proxy took %d bytes that nobody read", sent)
	return sent
}

func TestThousandsOfConnectionsAtOnce(t *testing.T) {
	n := min(2000, program.Descriptors()/4-20) // both ends, and io.Copy has a pipe
	if n < 2000 {
		t.Logf("only %d connections fit into this system's limit of descriptors", n)
	}
	_, addr := start(t, serve(t, echo))
	var clients []*net.TCPConn
	for begin := time.Now(); len(clients) < n; {
		if len(clients) >= 200 && time.Since(begin) > 20*time.Second {
			t.Logf("%d connections: the machine is slow", len(clients))
			break
		}
		c := dial(t, addr)
		// Where the listen queue has 128 places, the next one waits for this one
		// to be accepted.
		exchange(t, c, "hello")
		clients = append(clients, c)
	}
	for round := range 2 {
		for i, c := range clients {
			exchange(t, c, fmt.Sprintf("client %d round %d", i, round))
		}
	}
}

func TestPassesOnEveryByteBothWays(t *testing.T) {
	_, addr := start(t, serve(t, echo))
	c := dial(t, addr)
	sent := make([]byte, 20<<20)
	for i := range sent {
		sent[i] = byte(i ^ i>>8 ^ i>>16)
	}
	go func() {
		c.Write(sent)
		c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("got %d bytes (%v), want the %d that were sent", len(got), err, len(sent))
	}
}

func TestPassesOnAHalfClose(t *testing.T) {
	// This server answers after the end of the request.
	_, addr := start(t, serve(t, func(c *net.TCPConn) {
		request, err := io.ReadAll(c)
		fmt.Fprintf(c, "%d bytes, %v", len(request), err)
		c.Close()
	}))
	c := dial(t, addr)
	if _, err := c.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if want := "100000 bytes, <nil>"; err != nil || string(answer) != want {
		t.Fatalf("got %q (%v), want %q", answer, err, want)
	}
}

func TestASlowReaderSlowsDownItsWriterAlone(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	received := make(chan int64, 1)
	_, addr := start(t, serve(t, func(c *net.TCPConn) {
		first := make([]byte, 1)
		io.ReadFull(c, first)
		if first[0] == 'e' {
			c.Write(first)
			echo(c)
			return
		}
		c.SetReadBuffer(64 << 10)
		<-read
		n, _ := io.Copy(io.Discard, c)
		received <- n + 1
		c.Close()
	}))
	steady := dial(t, addr)
	exchange(t, steady, "e")
	slow := dial(t, addr)

	sent := fill(t, slow)
	exchange(t, steady, "still there?")

	close(read)
	slow.CloseWrite()
	if n := <-received; n != int64(sent) {
		t.Fatalf("%d bytes arrived of %d", n, sent)
	}
}

// A proxy that hears of its client only by reading goes on for as long as its
// server doesn't read.
func TestLetsAClientThatIsGoneGoWhileItsSideIsPaused(t *testing.T) {
	t.Parallel()
	gone := make(chan error, 1)
	_, addr := start(t, serve(t, func(c *net.TCPConn) {
		defer c.Close()
		sel, err := selectors.NewDefaultSelector()
		if err == nil {
			_, err = sel.Register(c, selectors.EventHangup, nil)
		}
		if errors.Is(err, errors.ErrUnsupported) {
			sel.Close()
			gone <- err
			return
		}
		if err == nil {
			defer sel.Close()
			var ready []selectors.Ready
			ready, err = sel.Select(time.Minute)
			if err == nil && len(ready) == 0 {
				err = errors.New("the connection is still there after a minute")
			}
		}
		gone <- err
	}))
	c := dial(t, addr)
	fill(t, c)
	c.SetLinger(0)
	c.Close()
	if err := <-gone; errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the server of this test needs EventHangup: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// A side that was shut and is paused is not taken for reset when it ends.
func TestPassesOnAllThatCameBeforeAnEndWhileItsSideIsPaused(t *testing.T) {
	t.Parallel()
	const size = 5 << 20
	written := make(chan error, 1)
	_, addr := start(t, serve(t, func(c *net.TCPConn) {
		io.Copy(io.Discard, c)
		_, err := c.Write(make([]byte, size))
		c.Close()
		written <- err
	}))
	c := dial(t, addr)
	c.CloseWrite()
	var err error
	select {
	case err = <-written:
	case <-time.After(2 * time.Second): // it doesn't fit into the kernels' buffers
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // for the end to reach the proxy, most often
	if n, err := io.Copy(io.Discard, c); n != size || err != nil {
		t.Fatalf("%d bytes arrived of %d: %v", n, size, err)
	}
}

func TestPassesOnAReset(t *testing.T) {
	result := make(chan error, 1)
	_, addr := start(t, serve(t, func(c *net.TCPConn) {
		_, err := io.Copy(c, c)
		result <- err
		c.Close()
	}))
	c := dial(t, addr)
	exchange(t, c, "hello")
	c.SetLinger(0)
	c.Close()
	if err := <-result; !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("the server got %v, want %v", err, syscall.ECONNRESET)
	}
}

func TestAServerThatIsNotThereEndsTheConnectionAlone(t *testing.T) {
	// A client's own address: nobody else can come to listen there meanwhile.
	_, addr := start(t, dial(t, serve(t, echo)).LocalAddr().String())
	for range 3 {
		if err := try(addr); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a connection to nowhere: %v", err)
		}
	}
}

func TestGoesOnWhenItsDescriptorsHaveRunOut(t *testing.T) {
	t.Parallel()
	for _, free := range []string{"26", "27"} { // one of them runs out in accept
		_, addr := start(t, serve(t, echo), freeDescriptors+"="+free)
		steady := dial(t, addr)
		exchange(t, steady, "hello")
		var many []net.Conn
		for range 30 {
			c, err := net.Dial("tcp", addr)
			if err == nil {
				many = append(many, c)
			} else if !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
		}
		exchange(t, steady, "still there?")
		for _, c := range many {
			c.Close()
		}
		exchange(t, steady, "still there?")
		for try(addr) != nil {
		}
	}
}

func TestEndsCleanlyOnCtrlC(t *testing.T) {
	proxy, addr := start(t, serve(t, echo))
	exchange(t, dial(t, addr), "hello")
	if err := proxy.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := proxy.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestRefusesNonsense(t *testing.T) {
	for _, every := range []string{"0", "-1s"} {
		program.Refuses(t, "-every", "-addr", "127.0.0.1:0", "-every", every)
	}
	for _, to := range []string{"127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:x", "not a name:80", ""} {
		program.Refuses(t, "-to", "-addr", "127.0.0.1:0", "-to", to)
	}
}

func TestCtrlCResetsTheConnections(t *testing.T) {
	result := make(chan error, 1)
	proxy, addr := start(t, serve(t, func(c *net.TCPConn) {
		_, err := io.Copy(c, c)
		result <- err
		c.Close()
	}))
	c := dial(t, addr)
	exchange(t, c, "hello")
	if err := proxy.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client got %v, want %v", err, syscall.ECONNRESET)
	}
	if err := <-result; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server got %v, want %v", err, syscall.ECONNRESET)
	}
	if err := proxy.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestCtrlCBeginsALine(t *testing.T) {
	program.BeginsALineOnCtrlC(t, "listening on ", "-addr", "127.0.0.1:0")
}
