// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

// Command bench measures package selectors beside other ways to wait for many
// descriptors. Its README says what, and how to read the answer.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	quick := flag.Bool("quick", false, "short samples and few rounds, to try it out")
	rounds := flag.Int("rounds", 0, "how many `rounds` (9; quick 3)")
	ms := flag.Int("ms", 0, "`milliseconds` for each sample (200; quick 50)")
	only := flag.String("only", "", "only workloads whose name and cell match the `regexp`, such as '^pipes.*A=1$'")
	who := flag.String("peers", "", "only peers whose name matches the `regexp`; selectors is always there")
	dir := flag.String("out", "", "`directory` for the results (results; quick results/quick)")
	flag.Parse()
	if *rounds == 0 {
		*rounds = pick(*quick, 3, 9)
	}
	if *ms == 0 {
		*ms = pick(*quick, 50, 200)
	}
	if *dir == "" {
		*dir = pick(*quick, "results/quick", "results")
	}
	check(os.MkdirAll(*dir, 0o777))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	r := &results{Machine: machine(), Milliseconds: *ms}
	programs, err := os.MkdirTemp("", "bench")
	check(err)
	defer os.RemoveAll(programs)
	here, limit := build(r, programs, regexp.MustCompile(*who))
	b := &bench{partner: filepath.Join(programs, "go"), ms: *ms, cpus: twoCPUs()}
	measureAll(ctx, b, r, here, workloads(limit), regexp.MustCompile(*only), *rounds)
	text := report(r)
	fmt.Print("\n", text)
	check(os.WriteFile(filepath.Join(*dir, "results.txt"), []byte(text), 0o666))
	data, err := json.MarshalIndent(r, "", "\t")
	check(err)
	check(os.WriteFile(filepath.Join(*dir, "results.json"), append(data, '\n'), 0o666))
	check(plots(r, *dir))
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// build makes what can be made, and raises the limit of descriptors as far as
// the machine allows.
func build(r *results, programs string, who *regexp.Regexp) (here []*peer, limit int) {
	for _, p := range peers {
		if p != peers[0] && !who.MatchString(p.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "building %s\n", p.name)
		if err := p.build(p, programs); err != nil {
			r.leaveOut("%s: %v", p.name, err)
			continue
		}
		here = append(here, p)
	}
	var l syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l))
	most := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if l.Max >= most.Max || syscall.Setrlimit(syscall.RLIMIT_NOFILE, &most) != nil {
		// Set it in any case: Go gives a child the limit that it found.
		most = syscall.Rlimit{Cur: l.Max, Max: l.Max}
		check(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &most))
	}
	r.Machine += fmt.Sprintf(", at most %d descriptors", most.Cur)
	return here, int(most.Cur)
}

// hang is longer than any sample takes.
const hang = 2 * time.Minute

// measureAll goes through all cells once in each round, and for each cell
// through all peers, in an order of chance, so that whatever disturbs the
// machine disturbs all.
func measureAll(ctx context.Context, b *bench, r *results, here []*peer, works []workload, only *regexp.Regexp, rounds int) {
	failed := map[string]bool{}
	for round := range rounds {
		for i := range works {
			w := &works[i]
			for _, c := range w.cells {
				if !only.MatchString(w.name + " " + c.label) {
					continue
				}
				if c.cpus > len(b.cpus) {
					if round == 0 {
						r.leaveOut("%s %s: there is only one CPU", w.name, c.label)
					}
					continue
				}
				fmt.Fprintf(os.Stderr, "round %d of %d, %s %s:", round+1, rounds, w.name, c.label)
				for _, at := range rand.Perm(len(here)) {
					p := here[at]
					which := p.name + " " + w.name + " " + c.label
					if !strings.Contains(p.works, w.needs+" ") || failed[which] {
						continue
					}
					fmt.Fprintf(os.Stderr, " %s", p.name)
					var done context.CancelFunc
					b.ctx, done = context.WithTimeout(ctx, hang)
					numbers, err := w.run(b, p, w.needs, c)
					done()
					if err == nil && len(numbers) != len(w.metrics) {
						err = errors.New("it gave no result")
					}
					if ctx.Err() != nil {
						fmt.Fprintln(os.Stderr, "\nstopped")
						return
					}
					if err != nil {
						failed[which] = true
						r.leaveOut("%s: %v", which, err)
						continue
					}
					r.add(w, c, p.name, numbers)
				}
				fmt.Fprintln(os.Stderr)
			}
		}
		r.Rounds++
	}
}

// twoCPUs returns the last and the first of the CPUs that we may use, which
// can be the same. The first has most of the interrupts.
func twoCPUs() []int {
	var set unix.CPUSet
	check(unix.SchedGetaffinity(0, &set))
	var cpus []int
	for cpu := range 8 * len(set) * 8 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	if len(cpus) == 1 {
		return cpus
	}
	return []int{cpus[len(cpus)-1], cpus[0]}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
