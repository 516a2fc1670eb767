// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

// Package proof holds what would find out if the selectors didn't do what they
// promise: an oracle, faults, signals and leaks.
package proof

import (
	"os"
	"testing"

	"github.com/go-selectors/selectors"
	"golang.org/x/sys/unix"
)

const (
	R = selectors.EventRead
	W = selectors.EventWrite
	P = selectors.EventPriority
)

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
