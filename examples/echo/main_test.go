// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-selectors/selectors/examples/internal/program"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// start runs the server on a free port.
func start(t *testing.T) (server *exec.Cmd, addr string) {
	t.Helper()
	server = exec.Command(os.Args[0], "-addr", "127.0.0.1:0")
	return server, program.Serve(t, server)
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

// wait gives what comes next a minute.
func wait(c net.Conn) { c.SetDeadline(time.Now().Add(time.Minute)) }

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	wait(c)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, text string) {
	t.Helper()
	wait(c)
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("got %q (%v), want %q", got, err, text)
	}
}

func TestEchoesToAThousandClientsAtOnce(t *testing.T) {
	_, addr := start(t)
	n := min(1000, program.Descriptors()-50)
	if n < 1000 {
		t.Logf("only %d clients fit into this system's limit of descriptors", n)
	}
	var clients []*net.TCPConn
	for begin := time.Now(); len(clients) < n; {
		if len(clients) >= 200 && time.Since(begin) > 20*time.Second {
			t.Logf("%d clients: the machine is slow", len(clients))
			break
		}
		c := dial(t, addr)
		// Where the listen queue has 128 places, the next one waits for this one
		// to be accepted.
		send(t, c, "hello")
		expect(t, c, "hello")
		clients = append(clients, c)
	}
	for round := range 3 {
		for i, c := range clients {
			send(t, c, fmt.Sprintf("client %d round %d", i, round))
		}
		for i, c := range clients {
			expect(t, c, fmt.Sprintf("client %d round %d", i, round))
		}
	}
	for i, c := range clients {
		c.CloseWrite()
		wait(c)
		if n, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("client %d read %d, %v at the end, want EOF", i, n, err)
		}
	}
}

func TestSurvivesClientsThatVanish(t *testing.T) {
	_, addr := start(t)
	steady := dial(t, addr)
	for range 100 {
		c := dial(t, addr)
		send(t, c, strings.Repeat("x", 5000))
		c.SetLinger(0)
		c.Close() // resets the connection
	}
	send(t, steady, "still there?")
	expect(t, steady, "still there?")
}

func TestAClientThatDoesNotReadIsLetGo(t *testing.T) {
	_, addr := start(t)
	steady := dial(t, addr)
	greedy := dial(t, addr)
	chunk := make([]byte, 1<<20)
	for {
		if _, err := greedy.Write(chunk); err != nil {
			if os.IsTimeout(err) {
				t.Fatal(err)
			}
			break // reset by the server
		}
	}
	send(t, steady, "still there?")
	expect(t, steady, "still there?")
}

func TestEndsCleanlyOnCtrlC(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("os.Process can't send an interrupt on Windows")
	}
	server, addr := start(t)
	c := dial(t, addr)
	send(t, c, "hello")
	expect(t, c, "hello")
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestCtrlCBeginsALine(t *testing.T) {
	program.BeginsALineOnCtrlC(t, "listening on ", "-addr", "127.0.0.1:0")
}
