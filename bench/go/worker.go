// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

// Command go is the peers in Go that need nothing but this repository, and the
// other ends for all peers, see partners.
//
//	go <peer> <work> <ms> <n> <a>
//
// prints one line of numbers, those of the workload's metrics. A server prints
// its port and serves until it is killed.
package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/go-selectors/selectors"
	"github.com/go-selectors/selectors/bench/measure"
	"golang.org/x/sys/unix"
)

// chunk is how many events pass between two looks at the clock.
const chunk = 10000

func main() {
	if run, ok := partners[os.Args[1]]; ok {
		run(measure.Numbers(os.Args[2:]))
		return
	}
	peer, work, p := os.Args[1], os.Args[2], measure.Numbers(os.Args[3:])
	d := time.Duration(p[0]) * time.Millisecond
	if peer == "selectors-try" {
		useTry()
	}
	var result []float64
	if special, ok := others[peer+" "+work]; ok {
		result = special(d, p[1], p[2])
	} else {
		result = works[work](loops[peer], d, p[1], p[2])
	}
	measure.Print(result)
}

type newLoop func(handle func(*conn)) loop

// works are the workloads that go through a loop.
var works = map[string]func(open newLoop, d time.Duration, n, a int) []float64{
	"pipes":    pipes,
	"ready":    ready,
	"idle":     idle,
	"change":   change,
	"pingpong": pingpong,
	"compute":  func(open newLoop, d time.Duration, idle, _ int) []float64 { return compute(d, partnerOf(open), idle) },
	"nap":      func(open newLoop, d time.Duration, idle, _ int) []float64 { return nap(d, partnerOf(open), idle) },
	"server":   server,
	"many":     many,
	"shared":   shared,
	"once":     once,
}

// pipes: a are active, and each passes its byte on to the next.
func pipes(open newLoop, d time.Duration, n, a int) []float64 {
	events, b := 0, make([]byte, 1)
	l := open(func(c *conn) {
		_, err := read(c, b)
		measure.Check(err)
		_, err = write(c, b)
		measure.Check(err)
		events++
	})
	conns := ring(n)
	for i := range conns {
		l.add(&conns[i])
	}
	activate(conns, a)
	return []float64{eventCost(d, l, &events)}
}

// activate gives a of the pipes a byte.
func activate(conns []conn, a int) {
	for i := range a {
		_, err := unix.Write(conns[i*len(conns)/a].out, []byte{0})
		measure.Check(err)
	}
}

// eventCost is what an event costs that the loop's handle counts.
func eventCost(d time.Duration, l loop, events *int) float64 {
	return measure.Cost(d, measure.ProcessorTime, func() int {
		*events = 0
		for *events < chunk {
			l.poll(selectors.Forever)
		}
		return *events
	})
}

// ring makes n pipes; what is written to out of the one is read from the next.
func ring(n int) []conn {
	conns := make([]conn, n)
	for i := range conns {
		var p [2]int
		measure.Check(unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC))
		conns[i].fd = p[0]
		conns[(i+n-1)%n].out = p[1]
		conns[i].in, conns[(i+n-1)%n].to = p[0], p[1]
	}
	return conns
}

// ready: n are ready and stay so.
func ready(open newLoop, d time.Duration, n, _ int) []float64 {
	events := 0
	l := open(func(*conn) { events++ })
	conns := eventfds(n, 1)
	for i := range conns {
		l.add(&conns[i])
	}
	return []float64{eventCost(d, l, &events)}
}

// eventfds makes n descriptors that are ready if count isn't 0.
func eventfds(n int, count uint) []conn {
	conns := make([]conn, n)
	for i := range conns {
		fd, err := unix.Eventfd(count, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
		measure.Check(err)
		conns[i].fd = fd
	}
	return conns
}

// idle: one is ready and stays so, n are not.
func idle(open newLoop, d time.Duration, n, _ int) []float64 {
	l := open(func(*conn) {})
	conns := append(eventfds(n, 0), eventfds(1, 1)...)
	for i := range conns {
		l.add(&conns[i])
	}
	return []float64{measure.Cost(d, measure.ProcessorTime, func() int {
		for range chunk {
			l.poll(selectors.Forever)
		}
		return chunk
	})}
}

// change: register + unregister, and modify, of some beside n idle ones.
func change(open newLoop, d time.Duration, n, _ int) []float64 {
	const some = 100
	l := open(func(*conn) {})
	conns := ring(n + some) // the read end of a pipe is never ready for writing
	for i := range conns[some:] {
		l.add(&conns[some+i])
	}
	register := measure.Cost(d, measure.ProcessorTime, func() int {
		for range chunk / some {
			for i := range some {
				l.add(&conns[i])
			}
			for i := range some {
				l.remove(&conns[i])
			}
		}
		return chunk
	})
	for i := range some {
		l.add(&conns[i])
	}
	modify := measure.Cost(d, measure.ProcessorTime, func() int {
		for i := range chunk / some {
			events := selectors.EventRead
			if i%2 == 0 {
				events |= selectors.EventWrite
			}
			for i := range some {
				l.modify(&conns[i], events)
			}
		}
		return chunk
	})
	return []float64{register, modify}
}

// pingpong: a byte goes to another process, at descriptor 3, and back.
func pingpong(open newLoop, d time.Duration, _, _ int) []float64 {
	return turns(d, partnerOf(open))
}

// A pinger is how a peer talks with the other process.
type pinger struct {
	send func()
	wait func() // for the answer
}

func (p pinger) turn() {
	p.send()
	p.wait()
}

func partnerOf(open newLoop) pinger {
	b, waiting := make([]byte, 1), false
	l := open(func(c *conn) {
		_, err := read(c, b)
		measure.Check(err)
		waiting = false
	})
	measure.Check(unix.SetNonblock(3, true))
	c := socketConn(3)
	l.add(c)
	return pinger{
		func() {
			_, err := write(c, b)
			measure.Check(err)
		},
		func() {
			for waiting = true; waiting; {
				l.poll(selectors.Forever)
			}
		},
	}
}

func turns(d time.Duration, p pinger) []float64 {
	return []float64{measure.Cost(d, measure.WallTime, func() int {
		for range 100 {
			p.turn()
		}
		return 100
	})}
}

// disturb waits: in short turns, or, if idle is 1, for what never comes.
func disturb(p pinger, idle int) {
	for idle == 0 {
		p.turn()
	}
	p.wait()
}

// compute: by how much a goroutine that computes is slowed beside one that
// waits.
func compute(d time.Duration, p pinger, idle int) []float64 {
	n := 1 << 20
	work := func() time.Duration {
		start := time.Now()
		x := uint64(start.Nanosecond())
		for range n {
			x = x*6364136223846793005 + 1442695040888963407
		}
		runtime.KeepAlive(x)
		return time.Since(start)
	}
	for work() < d {
		n *= 2
	}
	alone := work()
	go disturb(p, idle)
	return []float64{float64(work()) / float64(alone)}
}

// nap: how late a goroutine that naps is, alone and beside one that waits, and
// beside it the latest, in ns.
func nap(d time.Duration, p pinger, idle int) []float64 {
	const nap = time.Millisecond
	late := func() []time.Duration {
		var list []time.Duration
		for start := time.Now(); time.Since(start) < d; {
			before := time.Now()
			time.Sleep(nap)
			list = append(list, time.Since(before)-nap)
		}
		slices.Sort(list)
		return list
	}
	alone := late()
	go disturb(p, idle)
	beside := late()
	return []float64{float64(alone[len(alone)/2]), float64(beside[len(beside)/2]), float64(beside[len(beside)-1])}
}

// server sends back what comes in.
func server(open newLoop, _ time.Duration, _, _ int) []float64 {
	var l loop
	b := make([]byte, 4096)
	listener := &conn{fd: listen()}
	l = open(func(c *conn) {
		if c == listener {
			fd, _, err := unix.Accept4(c.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			measure.Check(err)
			measure.Check(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
			l.add(socketConn(fd))
			return
		}
		n, err := read(c, b)
		if n <= 0 {
			l.remove(c)
			unix.Close(c.fd)
			return
		}
		measure.Check(err)
		_, err = write(c, b[:n])
		measure.Check(err)
	})
	l.add(listener)
	for {
		l.poll(selectors.Forever)
	}
}

func socketConn(fd int) *conn { return &conn{fd: fd, out: fd, in: fd, to: fd} }

// listen returns a listening socket and prints its port.
func listen() int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	measure.Check(err)
	measure.Check(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	measure.Check(unix.Listen(fd, 4096))
	addr, err := unix.Getsockname(fd)
	measure.Check(err)
	fmt.Println(addr.(*unix.SockaddrInet4).Port)
	return fd
}

// many: n are registered, single ones are woken at random, all are
// unregistered. Time is in ns for each, heap and resident memory in bytes for
// each registration.
func many(open newLoop, d time.Duration, n, _ int) []float64 {
	b := make([]byte, 8)
	conns := eventfds(n, 0)
	one := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	var heap, resident, register, wake, unregister float64
	times := max(20_000/n, 1) // with a new loop each time
	for i := range times {
		l := open(func(c *conn) {
			_, err := unix.Read(c.fd, b)
			measure.Check(err)
		})
		if i == 0 {
			heap, resident = heapBytes(), measure.ResidentBytes("self")
		}
		start := measure.ProcessorTime()
		for i := range conns {
			l.add(&conns[i])
		}
		register += measure.ProcessorTime() - start
		if i == 0 {
			heap, resident = heapBytes()-heap, measure.ResidentBytes("self")-resident
			random := rand.New(rand.NewPCG(1, 2))
			wake = measure.Cost(d, measure.ProcessorTime, func() int {
				for range chunk {
					_, err := unix.Write(conns[random.IntN(n)].fd, one)
					measure.Check(err)
					l.poll(selectors.Forever)
				}
				return chunk
			})
		}
		start = measure.ProcessorTime()
		for i := range conns {
			l.remove(&conns[i])
		}
		unregister += measure.ProcessorTime() - start
	}
	of := float64(n)
	return []float64{register / of / float64(times), wake, unregister / of / float64(times), heap / of, resident / of}
}

// once: as pipes, but each descriptor rests from when it is told of until its
// event is handled: by EventOnce, and by hand.
func once(open newLoop, d time.Duration, n, a int) []float64 {
	events, b := 0, make([]byte, 1)
	var resting, armed selectors.EventMask
	var l loop
	l = open(func(c *conn) {
		if resting != 0 {
			l.modify(c, resting)
		}
		_, err := read(c, b)
		measure.Check(err)
		_, err = write(c, b)
		measure.Check(err)
		l.modify(c, armed)
		events++
	})
	conns := ring(n)
	for i := range conns {
		l.add(&conns[i])
	}
	activate(conns, a)
	cost := func() float64 {
		for i := range conns {
			l.modify(&conns[i], armed)
		}
		return eventCost(d, l, &events)
	}
	armed = selectors.EventRead | selectors.EventOnce
	byOnce := cost()
	resting, armed = selectors.EventHangup, selectors.EventRead
	return []float64{byOnce, cost()}
}

func heapBytes() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
