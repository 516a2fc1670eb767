// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A workload is one question, asked in several cells.
type workload struct {
	name    string
	title   string
	needs   string // what of the peer's works it needs
	metrics []metric
	cells   []cell
	run     func(b *bench, p *peer, work string, c cell) ([]float64, error)
}

// A metric is one of the numbers that a cell gives. A factor makes its unit of
// what the workers print.
type metric struct {
	name, unit string
	factor     float64
	more       bool // is better
}

type cell struct {
	label string
	n, a  int
	cpus  int
	procs string // GOMAXPROCS, empty for as it comes
}

// workloads are those of the README, in its order. limit is how many
// descriptors a process may have.
func workloads(limit int) []workload {
	const spare = 100 // for what a peer itself opens
	most := min(limit-spare, 1_000_000)
	waits := []cell{
		{label: "in short turns", cpus: 2, procs: "1"},
		{label: "for what never comes", cpus: 2, procs: "1", n: 1},
	}
	return []workload{
		{"pipes", "(1) N pipes, A of them active: processor time per event", "pipes",
			[]metric{{"event", "ns", 1, false}}, pipeCells(most / 2), (*bench).solo},
		{"ready", "(2) N always ready, nothing read: processor time per event", "ready",
			[]metric{{"event", "ns", 1, false}}, cells(most, 1, 10, 100, 1000), (*bench).solo},
		{"idle", "(3) one ready descriptor beside N idle ones: processor time per wait", "idle",
			[]metric{{"wait", "ns", 1, false}}, cells(most, 100, 1000, 10_000, min(most, 100_000)), (*bench).solo},
		{"change", "(4) changes beside N registrations: processor time of each", "change",
			[]metric{{"register+unregister", "ns", 1, false}, {"modify", "ns", 1, false}}, cells(most/2, 1000), (*bench).solo},
		{"pingpong", "(5) ping-pong with another process: wall time per turn", "pingpong",
			[]metric{{"turn", "µs", 1e-3, false}}, []cell{
				{label: "1 CPU", cpus: 1, procs: "1"},
				{label: "2 CPUs, GOMAXPROCS=1", cpus: 2, procs: "1"},
				{label: "2 CPUs", cpus: 2},
			}, (*bench).pair},
		{"compute", "(5) a goroutine that computes beside one that waits, GOMAXPROCS=1: wall time beside it / alone", "compute",
			[]metric{{"slowed to", "x", 1, false}}, waits, (*bench).pair},
		{"nap", "(5) a goroutine that naps 1 ms beside one that waits, GOMAXPROCS=1: how late it is", "nap",
			[]metric{{"alone", "µs", 1e-3, false}, {"beside", "µs", 1e-3, false}, {"beside, the latest", "µs", 1e-3, false}}, waits, (*bench).pair},
		{"echo", "(6) echo server, 1,000 TCP connections, A requests of 64 bytes outstanding", "server",
			[]metric{{"throughput", "1/s", 1, true}, {"processor time per request", "ns", 1, false}, {"99th percentile of latency", "µs", 1e-3, false}}, []cell{
				{label: "A=1", n: 1000, a: 1}, {label: "A=10", n: 1000, a: 10}, {label: "A=100", n: 1000, a: 100},
			}, (*bench).echo},
		{"memory", "(7) N idle TCP connections: resident memory of each", "server",
			[]metric{{"connection", "B", 1, false}}, cells(most, min(most, 10_000)), (*bench).memory},
		{"many", "(8) N descriptors: processor time of each phase, memory for each registration", "many",
			[]metric{{"register", "ns", 1, false}, {"wake one", "ns", 1, false}, {"unregister", "ns", 1, false}, {"heap", "B", 1, false}, {"resident", "B", 1, false}},
			cells(most, 1000, 10_000, 100_000, most), (*bench).solo},
		{"shared", "(9) N goroutines wait on one set, one event after the other: for each event", "shared",
			[]metric{{"wall time", "µs", 1e-3, false}, {"wake-ups", "waits that return", 1, false}, {"sleeps", "of a thread", 1, false}, {"threads", "of the process", 1, false}}, sharedCells(), (*bench).pair},
		{"once", "(10) N pipes, A of them active, told of once and armed again: processor time per event", "once",
			[]metric{{"by EventOnce", "ns", 1, false}, {"by hand", "ns", 1, false}}, []cell{
				{label: "N=100 A=1", n: 100, a: 1}, {label: "N=100 A=100", n: 100, a: 100},
			}, (*bench).solo},
	}
}

// cells leaves out what is more than the machine can do, and what is there
// already.
func cells(most int, counts ...int) (cells []cell) {
	for _, n := range counts {
		if n <= most && (len(cells) == 0 || n > cells[len(cells)-1].n) {
			cells = append(cells, cell{label: fmt.Sprintf("N=%d", n), n: n})
		}
	}
	return cells
}

func pipeCells(most int) (list []cell) {
	for _, c := range cells(most, 100, 1000, 9900) {
		for _, a := range []int{1, 100, 1000} {
			if a <= c.n {
				list = append(list, cell{label: fmt.Sprintf("N=%d A=%d", c.n, a), n: c.n, a: a})
			}
		}
	}
	return list
}

// sharedCells say by a how it is done, see the worker.
func sharedCells() (list []cell) {
	for how, label := range []string{"alone", "beside churn", "outside"} {
		for _, n := range []int{1, 4, 64} {
			list = append(list, cell{label: fmt.Sprintf("N=%d %s", n, label), n: n, a: how, cpus: 2})
		}
	}
	return list
}

// A bench is how and where to measure.
type bench struct {
	ctx     context.Context // ends all commands
	partner string          // the program with the other ends
	ms      int
	cpus    []int // the first is for what is measured, the last for the other end
}

// solo is for what needs no other end.
func (b *bench) solo(p *peer, work string, c cell) ([]float64, error) {
	return b.output(b.worker(p, work, c), b.cpus[:1])
}

// pair gives the worker a partner that answers.
func (b *bench) pair(p *peer, work string, c cell) ([]float64, error) {
	mine, other := b.cpus, b.cpus[len(b.cpus)-1:]
	if c.procs == "1" {
		mine = b.cpus[:1]
	}
	if c.cpus == 1 {
		other = mine
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ends := [2]*os.File{os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "partner")}
	pong := b.command(b.partner, "pong")
	pong.ExtraFiles = ends[1:]
	err = start(pong, other)
	ends[1].Close()
	if err == nil {
		defer pong.Wait() // it ends when the worker has
	}
	defer ends[0].Close()
	if err != nil {
		return nil, err
	}
	worker := b.worker(p, work, c)
	worker.ExtraFiles = ends[:1]
	return b.output(worker, mine)
}

func (b *bench) echo(p *peer, work string, c cell) ([]float64, error) {
	return b.serve(p, work, c, "echo", 5*b.ms, c.n, c.a)
}

func (b *bench) memory(p *peer, work string, c cell) ([]float64, error) {
	return b.serve(p, work, c, "memory", c.n)
}

// serve runs a server and its client. The client is given the server's port
// and process id, and args.
func (b *bench) serve(p *peer, work string, c cell, client string, args ...int) ([]float64, error) {
	server := b.worker(p, work, c)
	out, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := start(server, b.cpus[:1]); err != nil {
		return nil, err
	}
	defer server.Wait()
	defer server.Process.Kill()
	var port int
	if _, err := fmt.Fscanln(out, &port); err != nil {
		return nil, fmt.Errorf("the server gives no port: %w", err)
	}
	argv := []string{client, strconv.Itoa(port), strconv.Itoa(server.Process.Pid)}
	for _, arg := range args {
		argv = append(argv, strconv.Itoa(arg))
	}
	return b.output(b.command(b.partner, argv...), b.cpus[len(b.cpus)-1:])
}

func (b *bench) worker(p *peer, work string, c cell) *exec.Cmd {
	args := append(p.argv[1:len(p.argv):len(p.argv)], work, strconv.Itoa(b.ms), strconv.Itoa(c.n), strconv.Itoa(c.a))
	cmd := b.command(p.argv[0], args...)
	if c.procs != "" {
		cmd.Env = append(os.Environ(), "GOMAXPROCS="+c.procs)
	}
	return cmd
}

func (b *bench) command(name string, args ...string) *exec.Cmd {
	return exec.CommandContext(b.ctx, name, args...)
}

// output runs a command on some CPUs and returns the numbers it prints.
func (b *bench) output(cmd *exec.Cmd, cpus []int) (numbers []float64, err error) {
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := start(cmd, cpus); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, firstLine(complaint.String()))
	}
	for field := range strings.FieldsSeq(out.String()) {
		f, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, f)
	}
	return numbers, nil
}

// start starts a command on some CPUs. A child has the affinity of the thread
// that makes it.
func start(cmd *exec.Cmd, cpus []int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return err
	}
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	defer unix.SchedSetaffinity(0, &old)
	return cmd.Start()
}

// firstLine leaves out the lines in which the go command names a package.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}
