// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-selectors/selectors/examples/internal/program"
)

func TestMain(m *testing.M) { program.Main(m, main) }

func command(t *testing.T, args ...string) (cmd *exec.Cmd, out *bytes.Buffer) {
	out = new(bytes.Buffer)
	cmd = program.Command(exec.CommandContext(t.Context(), os.Args[0], args...))
	cmd.Stdout = out
	return cmd, out
}

// failed runs a program that can fetch nothing.
func failed(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("it ends with %v, want exit status 1", err)
	}
}

func lastLine(out *bytes.Buffer) string {
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[len(lines)-1]
}

// serve runs a server that hands each connection to a function.
func serve(t *testing.T, handle func(c net.Conn)) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
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
			go func() {
				defer c.Close()
				handle(c)
				io.Copy(io.Discard, c) // until the program hangs up
			}()
		}
	}()
	return listener.Addr().String()
}

func TestFetchesFromItsOwnServer(t *testing.T) {
	cmd, out := command(t, "-patience", "1m")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if line := lastLine(out); !strings.HasPrefix(line, "100 pages, 1690 bytes, in ") {
		t.Fatalf("the program says %q", line)
	}
}

func TestFetchesAllPagesSideBySide(t *testing.T) {
	// No page is complete before all are asked for, and each is 300 kB.
	var all sync.WaitGroup
	all.Add(100)
	addr := serve(t, func(c net.Conn) {
		defer c.Close()
		// All of the request, or the close would be a reset.
		for r, line := bufio.NewReader(c), ""; line != "\r\n"; {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		fmt.Fprint(c, "HTTP/1.0 200 OK\r\n\r\n")
		c.Write(make([]byte, 100_000))
		all.Done()
		all.Wait()
		c.Write(make([]byte, 200_000))
	})

	cmd, out := command(t, "-from", addr, "-patience", "1m")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if line := lastLine(out); !strings.HasPrefix(line, "100 pages, 30000000 bytes, in ") {
		t.Fatalf("the program says %q", line)
	}
}

func TestAPageHasItsTimeAndNoLonger(t *testing.T) {
	addr := serve(t, func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.0 200 OK\r\n\r\nthis is only the beginning")
	})
	began := time.Now()
	cmd, out := command(t, "-from", addr, "-patience", "1s")
	failed(t, cmd)
	if d := time.Since(began); d < time.Second {
		t.Errorf("the program has given up after %v", d)
	}
	if n := strings.Count(out.String(), ": i/o timeout\n"); n != 100 {
		t.Errorf("the program says %q, which has %d timeouts", out, n)
	}
}

func TestTellsWhyAPageCannotBeHad(t *testing.T) {
	addr := serve(t, func(c net.Conn) { c.Close() })
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	nobody := c.LocalAddr().String() // nor can anybody come to listen there
	for from, want := range map[string][2]int{addr: {100, 0}, nobody: {0, 1}} {
		cmd, out := command(t, "-from", from, "-patience", "1m")
		failed(t, cmd)
		if line := lastLine(out); !strings.HasPrefix(line, "0 pages, 0 bytes, in ") {
			t.Errorf("the program says %q", line)
		}
		pages, once := strings.Count(out.String(), "page "), strings.Count(out.String(), "no server: ")
		if pages != want[0] || once != want[1] {
			t.Errorf("the program says %q, which has %d pages, and %d times that there is no server", out, pages, once)
		}
	}
}

func TestEndsCleanlyOnCtrlC(t *testing.T) {
	var asked, hungUp sync.WaitGroup
	asked.Add(100)
	hungUp.Add(100)
	addr := serve(t, func(c net.Conn) {
		c.Read(make([]byte, 100))
		asked.Done()
		io.Copy(io.Discard, c)
		hungUp.Done()
	})
	cmd, out := command(t, "-from", addr, "-patience", "1h")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	asked.Wait()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	hungUp.Wait()
	if strings.Contains(out.String(), "page") {
		t.Fatalf("the program says %q", out)
	}
}

func TestRefusesNonsense(t *testing.T) {
	program.Refuses(t, "missing port", "-from", "127.0.0.1")
	program.Refuses(t, "-patience", "-patience", "0")
	program.Refuses(t, "-patience", "-patience", "-1s")
}

func TestCtrlCBeginsALine(t *testing.T) {
	addr := serve(t, func(net.Conn) {})
	program.BeginsALineOnCtrlC(t, "", "-from", addr, "-patience", "1h")
}
