// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

// Package proof holds what would find out if the selectors didn't do what they
// promise: an oracle, faults, signals and leaks.
package proof

import (
	"os"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/go-selectors/selectors"
	"golang.org/x/sys/unix"
)

const (
	R = selectors.EventRead
	W = selectors.EventWrite
	P = selectors.EventPriority
	H = selectors.EventHangup
)

// Nothing here is bound to be quick. Only what hangs takes as long as hang.
const hang = time.Minute

// hangs ends the program with the stacks of all goroutines, before a clean-up
// would let those go on that hang.
func hangs(what string) {
	debug.SetTraceback("all")
	go panic(what)
	select {}
}

// within calls f, which must not hang.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	timer := time.AfterFunc(hang, func() { hangs(t.Name() + ": " + what + " hangs") })
	defer timer.Stop()
	f()
}

// eventually waits for what there is nothing to wait for.
func eventually(what string, f func() bool) {
	for begin := time.Now(); !f(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > hang {
			hangs(what + ": that never comes")
		}
	}
}

// later calls f when a wait that begins now is blocked, most often. The function
// that it returns waits for that.
func later(f func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(2 * time.Millisecond)
		f()
	}()
	return func() { <-done }
}

// The runtime opens descriptors of its own when a file is first waited for, which
// Go 1.24 does later than newer ones. A fault must not meet that, nor a count of
// descriptors.
func init() {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	r.Close()
	w.Close()
}

// spawn is what sync.WaitGroup.Go is from Go 1.25 on.
func spawn(group *sync.WaitGroup, f func()) {
	group.Add(1)
	go func() {
		defer group.Done()
		f()
	}()
}

// rounds chooses how long a test runs that looks for something by chance: under
// -short, without it, and with SELECTORS_LONG set.
func rounds(short, usual, long int) int {
	switch {
	case os.Getenv("SELECTORS_LONG") != "":
		return long
	case testing.Short():
		return short
	}
	return usual
}

// descriptors counts the process's open descriptors.
func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

var constructors = map[string]func() (selectors.Selector, error){
	"epoll":  func() (selectors.Selector, error) { return selectors.NewEpollSelector() },
	"poll":   func() (selectors.Selector, error) { return selectors.NewPollSelector() },
	"select": func() (selectors.Selector, error) { return selectors.NewSelectSelector() },
}

func open(t testing.TB, name string) selectors.Selector {
	t.Helper()
	s, err := constructors[name]()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func pipe(t testing.TB) (r, w int) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(p[0])
		unix.Close(p[1])
	})
	return p[0], p[1]
}
