// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-selectors/selectors/examples/internal/program"
	"golang.org/x/sys/unix"
)

func TestItsFiguresAreLiveOnATerminal(t *testing.T) {
	t.Parallel()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	terminal := os.NewFile(uintptr(fd), "terminal")
	defer terminal.Close()
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	fd, err = unix.Open(fmt.Sprint("/dev/pts/", n), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	tty := os.NewFile(uintptr(fd), "tty")
	proxy := program.Command(exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "-to", serve(t, echo), "-every", every))
	proxy.Stdout = tty
	err = proxy.Start()
	tty.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Wait()
	defer proxy.Process.Kill()

	r := bufio.NewReader(terminal)
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.Fields(line)[2]
	c := dial(t, addr)
	exchange(t, c, strings.Repeat("x", 50_000)) // 0.1 MB both ways
	awaitFigures(t, r, "1 open, 1 accepted, 0.1 MB")
	c.Close()
	awaitFigures(t, r, "0 open, 1 accepted, 0.1 MB")
}

func awaitFigures(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; {
		figures, err := r.ReadString('\r')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(figures, want) {
			return
		}
	}
	t.Fatalf("the figures were never %q", want)
}
