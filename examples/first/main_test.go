// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package main

import (
	"bufio"
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

// start runs the program, which listens on a port of its own choice: the README's
// reader is to find it there.
func start(t *testing.T) (cmd *exec.Cmd, says func(want string)) {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:1234")
	if err != nil {
		t.Skip(err)
	}
	probe.Close()
	cmd = program.Command(exec.CommandContext(t.Context(), os.Args[0]))
	cmd.Stderr = nil
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(pipe)
	return cmd, func(want string) {
		t.Helper()
		line, err := lines.ReadString('\n')
		if err != nil || !strings.Contains(line, want) {
			t.Fatalf("it says %q (%v), want %q", line, err, want)
		}
	}
}

func TestPrintsWhatIsSentUntilCtrlC(t *testing.T) {
	cmd, says := start(t)
	var c net.Conn
	for end := time.Now().Add(time.Minute); c == nil; time.Sleep(time.Millisecond) {
		var err error
		if c, err = net.Dial("tcp", "127.0.0.1:1234"); err != nil && time.Now().After(end) {
			t.Fatal(err)
		}
	}
	says("(*net.TCPConn): EventRead <nil>")
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	says(`(*net.TCPConn): EventRead: "hello"`)
	c.Close()
	says("(*net.TCPConn): EventRead EOF <nil>")
	if runtime.GOOS == "windows" {
		return // os.Process can't send an interrupt there
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	says("context canceled")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}
