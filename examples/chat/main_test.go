// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-selectors/selectors/examples/internal/program"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// start opens a room on a free port.
func start(t *testing.T, patience time.Duration) (server *exec.Cmd, addr string) {
	t.Helper()
	server = exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "-patience", patience.String())
	return server, program.Serve(t, server)
}

// A guest is one end of a connection to the room.
type guest struct {
	t *testing.T
	*net.TCPConn
	r *bufio.Reader
}

// enter connects without a name.
func enter(t *testing.T, addr string) *guest {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	g := &guest{t, c.(*net.TCPConn), bufio.NewReader(c)}
	g.hears("* your name?")
	return g
}

// come enters with a name.
func come(t *testing.T, addr, name string) *guest {
	t.Helper()
	g := enter(t, addr)
	g.says(name)
	g.hears("* " + name + " has come")
	return g
}

// wait gives what comes next a minute.
func (g *guest) wait() { g.SetDeadline(time.Now().Add(time.Minute)) }

func (g *guest) says(line string) {
	g.t.Helper()
	g.wait()
	if _, err := io.WriteString(g, line+"\n"); err != nil {
		g.t.Fatal(err)
	}
}

// line returns the next line.
func (g *guest) line() (string, error) {
	g.wait()
	return g.r.ReadString('\n')
}

func (g *guest) hears(lines ...string) {
	g.t.Helper()
	for _, want := range lines {
		got, err := g.line()
		if err != nil || got != want+"\n" {
			g.t.Fatalf("heard %q (%v), want %q", got, err, want)
		}
	}
}

func (g *guest) hearsTheEnd() {
	g.t.Helper()
	if line, err := g.line(); err == nil || os.IsTimeout(err) {
		g.t.Fatalf("heard %q (%v), want the end", line, err)
	}
}

func TestEverybodyHearsEveryLine(t *testing.T) {
	_, addr := start(t, time.Hour)
	ann := come(t, addr, "ann")
	bob := come(t, addr, "bob")
	ann.hears("* bob has come")
	ann.says("hello bob")
	ann.hears("ann: hello bob")
	bob.hears("ann: hello bob")
	bob.says("two lines\r\nat once, and half")
	ann.hears("bob: two lines", "bob: at once, and half")
	bob.hears("bob: two lines", "bob: at once, and half")
	bob.says("\x1b[2Jboo")
	ann.hears("bob: [2Jboo")
	bob.CloseWrite()
	ann.hears("* bob has gone: hung up")
}

func TestALineMayComeInPieces(t *testing.T) {
	_, addr := start(t, time.Hour)
	ann, bob := come(t, addr, "ann"), enter(t, addr)
	for _, piece := range []string{"b", "ob\nhel", "lo", "\n"} {
		io.WriteString(bob, piece)
		enter(t, addr).Close() // a round through the loop
	}
	ann.hears("* bob has come", "bob: hello")
}

func TestANameIsTakenOnce(t *testing.T) {
	_, addr := start(t, time.Hour)
	ann, bob := come(t, addr, "ann"), enter(t, addr)
	for _, name := range []string{"ann", ""} {
		bob.says(name)
		bob.hears("* another name?")
	}
	bob.says("bob")
	ann.hears("* bob has come")
}

func TestManyTalkAtOnce(t *testing.T) {
	_, addr := start(t, time.Hour)
	guests := make([]*guest, 200)
	for i := range guests {
		guests[i] = enter(t, addr)
	}
	for i, g := range guests {
		g.says(fmt.Sprint(i))
		for _, other := range guests[:i+1] {
			other.hears(fmt.Sprintf("* %d has come", i))
		}
	}
	for _, g := range guests {
		g.says("hello")
	}
	for _, g := range guests {
		heard := make(map[string]bool)
		for range guests {
			line, err := g.line()
			if err != nil {
				t.Fatal(err)
			}
			heard[line] = true
		}
		if len(heard) != len(guests) {
			t.Fatalf("one heard %d of %d", len(heard), len(guests))
		}
	}
}

func TestASlowReaderIsLetGoAndHoldsUpNobody(t *testing.T) {
	_, addr := start(t, time.Hour)
	ann, bob := come(t, addr, "ann"), come(t, addr, "bob")
	ann.hears("* bob has come")
	come(t, addr, "slow")
	ann.hears("* slow has come")
	bob.hears("* slow has come")
	line := strings.Repeat("x", 990)
	for gone := false; !gone; {
		ann.says(line)
		for _, g := range []*guest{ann, bob} {
			switch got, err := g.line(); got {
			case "ann: " + line + "\n":
			case "* slow has gone: too slow\n":
				gone = true
			default:
				t.Fatalf("heard %q (%v)", got, err)
			}
		}
	}
}

func TestTheSilentAreLetGoAtTheirDeadline(t *testing.T) {
	const patience = 500 * time.Millisecond
	_, addr := start(t, patience)
	began := time.Now()
	quiet := enter(t, addr) // without a name
	quiet.hears("* you are out: silent for too long")
	quiet.hearsTheEnd()
	if d := time.Since(began); d < patience {
		t.Fatalf("let go after %v, before %v", d, patience)
	}

	for more := patience; !beginsAnew(t, more); more *= 4 {
		t.Logf("let go before %v were over: the machine is slow, or the room impatient", more)
		if more > 10*time.Second {
			t.FailNow()
		}
	}
}

// beginsAnew checks that a line begins the wait anew. It reports false if the guest
// was let go before.
func beginsAnew(t *testing.T, patience time.Duration) bool {
	t.Helper()
	const out = "* you are out: silent for too long"
	_, addr := start(t, patience)
	ann := enter(t, addr)
	var began time.Time
	for _, step := range []struct{ says, hears string }{{"ann", "* ann has come"}, {"hello", "ann: hello"}} {
		time.Sleep(patience / 2)
		began = time.Now()
		ann.says(step.says)
		switch line, err := ann.line(); line {
		case step.hears + "\n":
		case out + "\n":
			return false
		default:
			t.Fatalf("heard %q (%v)", line, err)
		}
	}
	ann.hears(out)
	if d := time.Since(began); d < patience {
		t.Fatalf("let go after %v, before %v", d, patience)
	}
	return true
}

func TestTooLongALineIsTheEnd(t *testing.T) {
	_, addr := start(t, time.Hour)
	ann := come(t, addr, "ann")
	bob := come(t, addr, "bob")
	bob.says(strings.Repeat("x", 2000))
	ann.hears("* bob has come", "* bob has gone: too long a line")
	bob.hears("* you are out: too long a line")
	bob.hearsTheEnd()
}

func TestSurvivesGuestsThatVanish(t *testing.T) {
	_, addr := start(t, time.Hour)
	ann := come(t, addr, "ann")
	for range 50 {
		bob := come(t, addr, "bob")
		bob.says("bye")
		bob.SetLinger(0)
		bob.Close() // resets the connection
		ann.hears("* bob has come")
		// The reset may overtake the line.
		line, err := ann.line()
		if line == "bob: bye\n" {
			line, err = ann.line()
		}
		if line != "* bob has gone: hung up\n" {
			t.Fatalf("heard %q (%v)", line, err)
		}
	}
}

func TestEndsCleanlyOnCtrlC(t *testing.T) {
	server, addr := start(t, time.Hour)
	ann := come(t, addr, "ann")
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	ann.hears("* you are out: the room closes")
	ann.hearsTheEnd()
	if err := server.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestRefusesNonsense(t *testing.T) {
	for _, patience := range []string{"0", "0s", "-1s"} {
		program.Refuses(t, "-patience", "-addr", "127.0.0.1:0", "-patience", patience)
	}
}

func TestNoLineLooksLikeTheRoomsOwn(t *testing.T) {
	_, addr := start(t, time.Hour)
	ann, bob := come(t, addr, "ann"), enter(t, addr)
	for _, name := range []string{"*", "* ann has gone", " * eve has come", "ann: yes", " ann\t", "  "} {
		bob.says(name)
		bob.hears("* another name?")
	}
	bob.says(" bob ")
	bob.hears("* bob has come")
	ann.hears("* bob has come")
	for _, empty := range []string{"", "\r", "  ", "\xff\xf1"} {
		bob.says(empty)
	}
	bob.says("* yes")
	ann.hears("bob: * yes")
}

func TestTelnetsCommandsAreNoText(t *testing.T) {
	_, addr := start(t, time.Hour)
	ann := enter(t, addr)
	ann.says("\xff\xfb\x18an\xff\xfd\x03n\xff\xfa\x18\x00XTERM\xff\xf0\r")
	ann.hears("* ann has come")
	ann.says("a\xff\xf4\xff\xfd\x06b\xfe\r")
	ann.hears("ann: ab")
	ann.says("c\xff\xfa\x18 and no end\nd\xff\xfd\ne\xff")
	ann.hears("ann: c", "ann: d", "ann: e")
}

func TestCtrlCBeginsALine(t *testing.T) {
	program.BeginsALineOnCtrlC(t, "listening on ", "-addr", "127.0.0.1:0")
}
