// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Package program runs an example from its own tests, as another process: the
// test's binary, which calls main instead of the tests.
package program

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

const runMain = "SELECTORS_EXAMPLE_MAIN"

// Main is the TestMain of an example. Tests of programs wait most of their time,
// so many may run side by side. The flag -parallel still decides.
func Main(m *testing.M, main func()) {
	if os.Getenv(runMain) != "" {
		main()
		return
	}
	flag.Set("test.parallel", "8")
	os.Exit(m.Run())
}

// Command makes cmd, which runs the test's binary, run main.
func Command(cmd *exec.Cmd) *exec.Cmd {
	cmd.Env = append(cmd.Environ(), runMain+"=1")
	cmd.Stderr = os.Stderr
	return cmd
}

// Serve starts a server by cmd until the test ends, and returns the address
// that it says it is listening on.
func Serve(t *testing.T, cmd *exec.Cmd) (addr string) {
	t.Helper()
	out, err := Command(cmd).StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("the server says %q", line)
	}
	addr, _, _ = strings.Cut(addr, " ")
	return addr
}

// Refuses runs main with arguments that it must refuse: with status 2, and one
// line that says why.
func Refuses(t *testing.T, why string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // if it doesn't
	defer cancel()
	cmd := Command(exec.CommandContext(ctx, os.Args[0], args...))
	var said bytes.Buffer
	cmd.Stderr = &said
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("%q: it ends with %v, want exit status 2", args, err)
	}
	if text := said.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, why) {
		t.Errorf("%q: it says %q, want one line with %q", args, text, why)
	}
}

// BeginsALineOnCtrlC runs main until it has said a line, and sends it an
// interrupt. What a terminal shows then, a prompt most likely, must begin a line.
func BeginsALineOnCtrlC(t *testing.T, first string, args ...string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("os.Process can't send an interrupt on Windows")
	}
	cmd := Command(exec.CommandContext(t.Context(), os.Args[0], args...))
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatalf("it doesn't say %q: %v", first, err)
		}
		if strings.HasPrefix(line, first) {
			break
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if err != nil || !strings.HasSuffix("\n"+string(rest), "\n\n") {
		t.Errorf("it ends with %q (%v), want an empty line", rest, err)
	}
}
