// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-selectors/selectors/examples/internal/program"
)

func TestMain(m *testing.M) { program.Main(m, main) }

const quiet = 300 * time.Millisecond

// A running is the program while it watches dir.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	dir   string
	lines <-chan string
	blind string // why it tells of no pressure

	complaint strings.Builder // what it says on standard error
}

func start(t *testing.T) *running {
	t.Helper()
	p := &running{t: t, dir: t.TempDir()}
	p.cmd = program.Command(exec.Command(os.Args[0], "-quiet", quiet.String(), "-pressure", "cpu", p.dir))
	p.cmd.Stderr = &p.complaint
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	p.lines = lines
	done := make(chan struct{})
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			case <-done:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(done)
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	p.says("watching " + p.dir + ", without its subdirectories")
	return p
}

// says returns what follows a prefix in the next line that has it, and leaves
// out pressure, which may be told at any time.
func (p *running) says(prefix string) string {
	p.t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the program has ended, and did not say %q", prefix)
			}
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return rest
			}
			if why, ok := strings.CutPrefix(line, "no word about pressure: "); ok {
				p.blind = why
			} else if !strings.HasPrefix(line, "pressure: ") {
				p.t.Fatalf("the program says %q, want %q", line, prefix)
			}
		case <-timeout:
			p.t.Fatalf("the program doesn't say %q", prefix)
		}
	}
}

func (p *running) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func TestTellsWhatChangesOnceItIsQuiet(t *testing.T) {
	t.Parallel()
	p := start(t)
	names := []string{"a", "b", "c"}
	var last time.Time
	for _, name := range names {
		last = time.Now()
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(quiet / 3)
	}
	told := make(map[string]bool)
	for !told["c"] { // in one line, unless the machine is slow
		for _, name := range strings.Fields(p.says("changed: ")) {
			told[name] = true
		}
	}
	if d := time.Since(last); d < quiet {
		t.Errorf("told after %v, before it was quiet for %v", d, quiet)
	}
	for _, name := range names {
		if !told[name] {
			t.Errorf("%s was not told", name)
		}
	}

	if err := os.Rename(filepath.Join(p.dir, "a"), filepath.Join(p.dir, "d")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.dir, "b")); err != nil {
		t.Fatal(err)
	}
	clear(told)
	for !told["a"] || !told["d"] || !told["b"] {
		for _, name := range strings.Fields(p.says("changed: ")) {
			told[name] = true
		}
	}
}

func TestSignalsComeIntoTheLoop(t *testing.T) {
	p := start(t)
	for range 20 {
		p.signal(syscall.SIGUSR1)
		if n := p.says("changes: "); n != "0" {
			t.Fatalf("%s changes, want 0", n)
		}
	}
}

// press lets more processes than there are processors compute for a while, so
// that some of them wait. They are to hinder no other test, at the least priority.
func press(t *testing.T, d time.Duration) {
	t.Helper()
	for range 3 * runtime.NumCPU() {
		busy := exec.Command("sh", "-c", "while :; do :; done")
		if err := busy.Start(); err != nil {
			t.Fatal(err)
		}
		defer busy.Wait()
		defer busy.Process.Kill()
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, busy.Process.Pid, 19); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(d)
}

func TestTellsOfPressure(t *testing.T) {
	t.Parallel()
	p := start(t)
	if p.blind != "" {
		t.Skipf("no pressure-stall triggers: %s", p.blind)
	}
	d := 150 * time.Millisecond
	for n := 0; n < 2; { // not only once
		if d > time.Minute {
			t.Fatal("the program doesn't tell of pressure")
		}
		press(t, d)
		select {
		case line := <-p.lines:
			if line != "pressure: cpu" {
				t.Fatalf("the program says %q", line)
			}
			n++
		case <-time.After(3 * time.Second): // the kernel looks every 2 s, and may have looked amidst
			d *= 2
		}
	}
}

func TestEndsCleanlyOnCtrlC(t *testing.T) {
	p := start(t)
	p.signal(os.Interrupt)
	for range p.lines {
	}
	if err := p.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestCtrlCBeginsALine(t *testing.T) {
	program.BeginsALineOnCtrlC(t, "watching ", t.TempDir())
}

func TestNamesTheFileThatItCannotOpen(t *testing.T) {
	if _, err := openTrigger("nothing"); err == nil || !strings.Contains(err.Error(), "open /proc/pressure/nothing: ") {
		t.Fatal(err)
	}
}

func TestRefusesNonsense(t *testing.T) {
	dir := t.TempDir()
	program.Refuses(t, "-quiet", "-quiet", "0", dir)
	program.Refuses(t, "-quiet", "-quiet", "-1s", dir)
	program.Refuses(t, "cpu, io or memory", "-pressure", "nothing", dir)
	program.Refuses(t, "no such file", filepath.Join(dir, "nothing"))
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	program.Refuses(t, "not a directory", file)
}

func TestSaysThatItsDirectoryWasRemoved(t *testing.T) {
	p := start(t)
	if err := os.WriteFile(filepath.Join(p.dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(p.dir); err != nil {
		t.Fatal(err)
	}
	p.says("changed: a")
	for range p.lines {
	}
	if err := p.cmd.Wait(); err == nil || !strings.Contains(p.complaint.String(), p.dir+" was removed") {
		t.Errorf("it ends with %v, and says %q", err, p.complaint.String())
	}
}
