// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// executable returns the path of this program, for tests that run it again.
func executable(t testing.TB) string {
	t.Helper()
	if os.Getenv("SELECTORS_EMULATED") != "" {
		t.Skip("an emulated program can't start itself")
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startAgain runs this test in a process of its own as well, with a mark in its
// environment and files from descriptor 3 on, and returns that, its input, and
// what it says.
func startAgain(t *testing.T, mark string, files ...*os.File) (*exec.Cmd, io.WriteCloser, *bufio.Reader) {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	child := exec.Command(executable(t), "-test.run=^"+name+"$")
	child.Env = append(os.Environ(), mark)
	child.ExtraFiles = files
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child, in, bufio.NewReader(out)
}

// inChild runs the rest of a test in a process of its own, and reports whether
// this is it.
func inChild(t *testing.T, attr *syscall.SysProcAttr) bool {
	t.Helper()
	const mark = "SELECTORS_TEST_CHILD"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	program := executable(t)
	var pattern []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+part+"$")
	}
	cmd := exec.Command(program, "-test.v", "-test.timeout=9m", "-test.run="+strings.Join(pattern, "/"))
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	switch {
	case attr != nil && errors.Is(err, unix.EPERM):
		t.Skipf("the system allows no namespace of its own: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("skipped in the child\n%s", out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("the child ran nothing\n%s", out)
	}
	return false
}
