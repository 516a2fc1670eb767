// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Package program runs an example from its own tests, as another process: the
// test's binary, which calls main instead of the tests.
package program

import (
	"bufio"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
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
