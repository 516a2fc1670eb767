// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors/examples/internal/program"
)

// In a terminal the server says what it does.
func TestPrintsAtMost40BytesOfAMessage(t *testing.T) {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip(err)
	}
	screen := os.NewFile(uintptr(master), "screen")
	defer screen.Close()
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		t.Skip(err)
	}
	n, err := unix.IoctlGetUint32(master, unix.TIOCGPTN)
	if err != nil {
		t.Skip(err)
	}
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(int(n)), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	server := program.Command(exec.Command(os.Args[0], "-addr", "127.0.0.1:0"))
	server.Stdout = tty
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	tty.Close()
	lines := bufio.NewReader(screen)
	says := func(want string) string {
		line, err := lines.ReadString('\n')
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), want)
		if err != nil || !ok {
			t.Fatalf("the server says %q (%v), want %q", line, err, want)
		}
		return rest
	}

	c := dial(t, says("listening on "))
	says("accepted ")
	sent := bytes.Repeat([]byte("0123456789"), 50)
	send(t, c, string(sent))
	expect(t, c, string(sent))
	for echoed := 0; echoed < len(sent); { // in one read, most likely
		number, rest, _ := strings.Cut(says("echoing "), " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(rest, ": ")
		if want := strconv.Quote(string(sent[echoed : echoed+min(n, 40)])); text != want {
			t.Errorf("of %d bytes it shows %s, want %s", n, text, want)
		}
		echoed += n
	}
}
