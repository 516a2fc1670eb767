// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// A peer is one way to wait. It is a program that is called with
// <work> <ms> <n> <a>.
type peer struct {
	name  string
	works string // the workloads that make sense
	argv  []string

	// build makes the program, in a directory of the run, and sets argv.
	build func(p *peer, dir string) error
}

const (
	solo   = "pipes ready idle change many "
	byLoop = solo + "server " + "pingpong "
	byGo   = byLoop + "compute nap "
)

// The first peer is what the others are measured by.
var peers = []*peer{
	{name: "selectors", works: byGo + "shared once ", build: inGo},
	{name: "selectors-try", works: "pipes pingpong server ", build: inGo},
	{name: "go-slice", works: byGo + "shared once ", build: inGo},
	{name: "go-map", works: byGo, build: inGo},
	{name: "net", works: "pipes pingpong compute nap server ", build: inGo},
	{name: "gnet", works: "pingpong server ", build: withGnet},
	{name: "epoll-c", works: byLoop + "once ", build: inC("epoll.c", "")},
	{name: "libev", works: byLoop, build: inC("libev.c", "-lev")},
	{name: "libevent", works: byLoop, build: inC("libevent.c", "-levent")},
	{name: "libuv", works: byLoop, build: inC("libuv.c", "-luv")},
	{name: "mio", works: "pipes change many pingpong server ", build: withMio},
	{name: "python", works: byLoop, build: inPython},
}

// inGo is one program with several peers.
func inGo(p *peer, dir string) error {
	p.argv = []string{filepath.Join(dir, "go"), p.name}
	return run("go", "build", "-o", p.argv[0], "./go")
}

func withGnet(p *peer, dir string) error {
	p.argv = []string{filepath.Join(dir, p.name)}
	return run("go", "build", "-o", p.argv[0], "./gnet")
}

func inC(source, library string) func(*peer, string) error {
	return func(p *peer, dir string) error {
		program := filepath.Join(dir, p.name)
		args := []string{"-O2", "-o", program, "c/worker.c", "c/" + source}
		if library != "" {
			args = append(args, library)
		}
		p.argv = []string{program}
		return run("cc", args...)
	}
}

// withMio builds from the crates that Debian packages (librust-mio-dev).
func withMio(p *peer, dir string) error {
	target := filepath.Join(dir, p.name)
	p.argv = []string{filepath.Join(target, "release", "mio-peer")}
	return run("cargo", "build", "--quiet", "--release", "--offline", "--manifest-path", "mio/Cargo.toml", "--target-dir", target,
		"--config", `source.crates-io.replace-with="debian"`, "--config", `source.debian.directory="/usr/share/cargo/registry"`)
}

func inPython(p *peer, _ string) error {
	p.argv = []string{"python3", "python/worker.py"}
	return run("python3", "-c", "import os, selectors; os.eventfd, selectors.EpollSelector")
}

// run makes the first line of what a failing command says its error.
func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%s: %s", name, firstLine(string(out)))
	}
	return err
}
