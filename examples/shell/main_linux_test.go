// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-selectors/selectors/examples/internal/program"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// start runs the server on a free port, with a script in its terminals.
func start(t *testing.T, script string) (server *exec.Cmd, addr string) {
	t.Helper()
	server = exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "sh", "-c", script)
	return server, program.Serve(t, server)
}

// A terminal is telnet's side of a session.
type terminal struct {
	t *testing.T
	*net.TCPConn
	r *bufio.Reader
}

func connect(t *testing.T, addr string) *terminal {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	term := &terminal{t, c.(*net.TCPConn), bufio.NewReader(c)}
	want := string([]byte{iac, will, optEcho, iac, will, optGoAhead, iac, do, optSize})
	got := make([]byte, len(want))
	if _, err := io.ReadFull(term.r, got); err != nil || string(got) != want {
		t.Fatalf("the server begins with %q (%v), want %q", got, err, want)
	}
	return term
}

func (term *terminal) types(text string) {
	term.t.Helper()
	if _, err := io.WriteString(term, text); err != nil {
		term.t.Fatal(err)
	}
}

func (term *terminal) shows(lines ...string) {
	term.t.Helper()
	for _, want := range lines {
		got, err := term.r.ReadString('\n')
		if err != nil || got != want+"\r\n" {
			term.t.Fatalf("the terminal shows %q (%v), want %q", got, err, want)
		}
	}
}

// ends reads what is left, which must be the state of the process.
func (term *terminal) ends(state string) {
	term.t.Helper()
	rest, err := io.ReadAll(term.r)
	if want := "\r\n" + state + "\r\n"; err != nil || string(rest) != want {
		term.t.Fatalf("the terminal shows %q (%v) at the end, want %q", rest, err, want)
	}
}

func (term *terminal) resize(columns, rows byte) {
	term.t.Helper()
	term.types(string([]byte{iac, sb, optSize, 0, columns, 0, rows, iac, se}))
}

func TestRunsAProgramInATerminal(t *testing.T) {
	_, addr := start(t, `test -t 0 && test -t 1 && test -t 2 && echo a terminal
		read line; echo got $line; exit 3`)
	term := connect(t, addr)
	term.shows("a terminal")
	term.types("hello\r\x00")
	term.shows("hello", "got hello") // the first one is the terminal's echo
	term.ends("exit status 3")
}

func TestShowsTheLastWordsAndTheState(t *testing.T) {
	_, addr := start(t, `i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo $i; done; kill -KILL $$`)
	for range 10 {
		term := connect(t, addr)
		for i := range 500 {
			term.shows(fmt.Sprint(i + 1))
		}
		term.ends("signal: killed")
	}
}

func TestTheTerminalFollowsTheWindow(t *testing.T) {
	_, addr := start(t, `trap 'stty size' WINCH; echo ready; while :; do sleep 0.01; done`)
	term := connect(t, addr)
	term.shows("ready")
	for i := range byte(3) {
		term.resize(100+i, 30+i)
		term.shows(fmt.Sprintf("%d %d", 30+i, 100+i))
	}
}

func TestControlCIsForTheProgram(t *testing.T) {
	_, addr := start(t, `trap 'echo; echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.01; done`)
	term := connect(t, addr)
	term.shows("ready")
	term.types("\x03")
	term.shows("^C", "interrupted")
	term.ends("exit status 7")
}

func TestEveryByteComesThrough(t *testing.T) {
	_, addr := start(t, `stty raw -echo; echo ready; head -c 3 | od -An -tx1; printf '\377|'`)
	term := connect(t, addr)
	if line, err := term.r.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the terminal shows %q (%v)", line, err)
	}
	term.types("a")
	term.types("\xff")
	term.types("\xffb")
	rest, err := io.ReadAll(term.r)
	if want := " 61 ff 62\n\xff\xff|\r\nexit status 0\r\n"; err != nil || string(rest) != want {
		t.Fatalf("the terminal shows %q (%v), want %q", rest, err, want)
	}
}

func TestASlowReaderSlowsDownItsProgramAlone(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	_, addr := start(t, `read n; seq $n; echo done >'`+mark+`'`)
	slow, steady := connect(t, addr), connect(t, addr)
	slow.SetReadBuffer(64 << 10)
	slow.types("1000000\r") // 8 MB, more than the kernel keeps for this connection
	slow.shows("1000000", "1")
	steady.types("1\r")
	steady.shows("1", "1")
	steady.ends("exit status 0")
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // for the program to write on, which it must not
	if _, err := os.Stat(mark); err == nil {
		t.Fatal("the program has written what nobody read")
	}
	for i := 2; i <= 1000000; i++ {
		want := fmt.Sprint(i, "\r\n")
		got, err := slow.r.ReadSlice('\n')
		if err != nil || string(got) != want {
			t.Fatalf("the terminal shows %q (%v), want %q", got, err, want)
		}
	}
	slow.ends("exit status 0")
}

func TestAProgramThatReadsSlowlyLosesNothing(t *testing.T) {
	_, addr := start(t, `stty -echo; echo ready; sleep 0.2; wc -l`)
	term := connect(t, addr)
	term.shows("ready")
	go io.WriteString(term, strings.Repeat("line\r\n", 100_000)+"\x04")
	term.shows("100000")
	term.ends("exit status 0")
}

func TestManySessionsAtOnce(t *testing.T) {
	_, addr := start(t, `read line; echo got $line`)
	terms := make([]*terminal, 20)
	for i := range terms {
		terms[i] = connect(t, addr)
	}
	for i, term := range terms {
		term.types(fmt.Sprint(i, "\r"))
		term.shows(fmt.Sprint(i), fmt.Sprint("got ", i))
		term.ends("exit status 0")
	}
}

// await waits until a program has made a file.
func await(t *testing.T, file string) {
	t.Helper()
	for range 600 {
		if _, err := os.Stat(file); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the program was not hung up")
}

func TestHangsUpTheProgramOfAClientThatVanishes(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	_, addr := start(t, `trap 'echo gone >'`+mark+`'; exit' HUP; echo ready; while :; do sleep 0.01; done`)
	for _, linger := range []int{-1, 0} {
		term := connect(t, addr)
		term.shows("ready")
		term.SetLinger(linger)
		term.Close()
		await(t, mark)
		os.Remove(mark)
	}
}

func TestEndsCleanlyOnCtrlC(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	server, addr := start(t, `trap 'echo gone >'`+mark+`'; exit' HUP; echo ready; while :; do sleep 0.01; done`)
	connect(t, addr).shows("ready")
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Fatal(err)
	}
	await(t, mark)
}

func TestAWrongProgramIsFoundAtTheStart(t *testing.T) {
	cmd := program.Command(exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "/no/such/program"))
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err == nil || !strings.Contains(said.String(), "/no/such/program") {
		t.Fatalf("it ends with %v and says %q", err, said.String())
	}
}

func TestRefusesNonsense(t *testing.T) {
	program.Refuses(t, "no-such-program", "-addr", "127.0.0.1:0", "no-such-program")
}

func TestCtrlCBeginsALine(t *testing.T) {
	program.BeginsALineOnCtrlC(t, "listening on ", "-addr", "127.0.0.1:0", "/bin/sh")
}
