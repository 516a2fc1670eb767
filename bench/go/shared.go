// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package main

import (
	"os"
	"sync/atomic"
	"time"

	"github.com/go-selectors/selectors"
	"github.com/go-selectors/selectors/bench/measure"
	"golang.org/x/sys/unix"
)

// How shared is done.
const (
	alone   = iota
	churn   // beside a goroutine that registers and unregisters, and one that waits for short times
	outside // the byte goes to another process, at descriptor 3, and back
)

// shared: n goroutines wait on one set for one byte. Several may be told of it,
// and one of them reads it. Then it is written again: by a goroutine that does
// nothing else, or, if it goes outside, by the one that read it.
//
// It gives the wall time for an event in ns, how many waits returned and how
// often a thread slept for each, and how many threads there are.
func shared(open newLoop, d time.Duration, n, how int) []float64 {
	event, other := &ring(1)[0], &ring(1)[0]
	send := func() {
		_, err := unix.Write(event.out, []byte{0})
		measure.Check(err)
	}
	next := make(chan struct{}, 1)
	again := func() { next <- struct{}{} }
	if how == outside {
		measure.Check(unix.SetNonblock(3, true))
		event, again = socketConn(3), send
	}
	var events, returns atomic.Int64
	l := open(func(c *conn) {
		_, err := unix.Read(c.fd, make([]byte, 1))
		if err == unix.EAGAIN {
			return
		}
		measure.Check(err)
		events.Add(1)
		again()
	}).(sharer)
	l.add(other)
	l.remove(other) // it has its place before the loop is shared
	l.add(event)
	wait := func(l loop, timeout time.Duration) {
		for {
			l.poll(timeout)
			returns.Add(1)
		}
	}
	for range n {
		go wait(l.share(), selectors.Forever)
	}
	if how == churn {
		go wait(l.share(), time.Millisecond)
		go func() {
			for {
				l.add(other)
				l.remove(other)
			}
		}()
	}
	slept := sleeps()
	go func() {
		for send(); ; send() {
			<-next
		}
	}()
	cost := measure.Cost(d, measure.WallTime, func() int {
		before := events.Load()
		// Goroutines that block in epoll_wait themselves start slowly: each holds
		// on to its P.
		for events.Load() == before {
			time.Sleep(d / 5)
		}
		return int(events.Load() - before)
	})
	of := float64(events.Load())
	return []float64{cost, float64(returns.Load()) / of, (sleeps() - slept) / of, threads()}
}

// sleeps returns how often a thread of this process had to wait for something.
func sleeps() float64 {
	var r unix.Rusage
	measure.Check(unix.Getrusage(unix.RUSAGE_SELF, &r))
	return float64(r.Nvcsw)
}

// threads returns how many this process has. Go keeps those that it has made.
func threads() float64 {
	list, err := os.ReadDir("/proc/self/task")
	measure.Check(err)
	return float64(len(list))
}
