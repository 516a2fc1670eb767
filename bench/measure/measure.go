// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

// Package measure is what the programs in Go share.
package measure

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Check ends the process on an error.
func Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Numbers are those of a command line.
func Numbers(args []string) (list []int) {
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		Check(err)
		list = append(list, n)
	}
	return list
}

// Print prints the result of a measurement.
func Print(result []float64) {
	fmt.Println(strings.Trim(fmt.Sprint(result), "[]"))
}

// ProcessorTime is that of this process, in ns.
func ProcessorTime() float64 {
	return Clock(unix.CLOCK_PROCESS_CPUTIME_ID)
}

// WallTime is the time that passes, in ns.
func WallTime() float64 {
	return Clock(unix.CLOCK_MONOTONIC)
}

// Clock reads a clock of the system, in ns.
func Clock(id int32) float64 {
	var t unix.Timespec
	Check(unix.ClockGettime(id, &t))
	return float64(t.Nano())
}

// Cost returns what an event costs, in ns of the given clock. Each step
// returns how many events it was; the first ones warm up.
func Cost(d time.Duration, clock func() float64, step func() int) float64 {
	run := func(d time.Duration) float64 {
		start, n := clock(), 0
		for {
			n += step()
			if spent := clock() - start; spent >= float64(d) {
				return spent / float64(n)
			}
		}
	}
	run(d / 5)
	return run(d)
}

// ResidentBytes returns how much memory of a process is resident.
func ResidentBytes(pid string) float64 {
	b, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
	Check(err)
	_, rest, _ := strings.Cut(string(b), "\nRss:")
	var kB float64
	_, err = fmt.Sscan(rest, &kB)
	Check(err)
	return kB * 1024
}
