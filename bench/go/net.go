// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-selectors/selectors/bench/measure"
)

// others are the peers that don't go through a loop, by peer and workload.
var others = map[string]func(d time.Duration, n, a int) []float64{
	"net pipes":    netPipes,
	"net pingpong": func(d time.Duration, _, _ int) []float64 { return turns(d, netPartner()) },
	"net compute":  func(d time.Duration, idle, _ int) []float64 { return compute(d, netPartner(), idle) },
	"net nap":      func(d time.Duration, idle, _ int) []float64 { return nap(d, netPartner(), idle) },
	"net server":   netServer,
}

// netPipes has a goroutine for each pipe, as os.File and the net package share
// the runtime's poller.
func netPipes(d time.Duration, n, a int) []float64 {
	var events atomic.Int64
	conns := ring(n)
	outs := make([]*os.File, n)
	for i := range conns {
		in := os.NewFile(uintptr(conns[i].fd), "")
		out := os.NewFile(uintptr(conns[i].out), "")
		outs[i] = out
		go func() {
			for b := make([]byte, 1); ; {
				_, err := in.Read(b)
				measure.Check(err)
				_, err = out.Write(b)
				measure.Check(err)
				events.Add(1)
			}
		}()
	}
	for i := range a {
		_, err := outs[i*n/a].Write([]byte{0})
		measure.Check(err)
	}
	return []float64{measure.Cost(d, measure.ProcessorTime, func() int {
		before := events.Load()
		time.Sleep(d / 5)
		return int(events.Load() - before)
	})}
}

func netPartner() pinger {
	c, err := net.FileConn(os.NewFile(3, ""))
	measure.Check(err)
	b := make([]byte, 1)
	return pinger{
		func() {
			_, err := c.Write(b)
			measure.Check(err)
		},
		func() {
			_, err := c.Read(b)
			measure.Check(err)
		},
	}
}

// netServer needs a buffer for each connection: a goroutine holds it while it
// waits.
func netServer(time.Duration, int, int) []float64 {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	measure.Check(err)
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	for {
		c, err := l.Accept()
		measure.Check(err)
		go func() {
			defer c.Close()
			for b := make([]byte, 4096); ; {
				n, err := c.Read(b)
				if err == io.EOF {
					return
				}
				measure.Check(err)
				_, err = c.Write(b[:n])
				measure.Check(err)
			}
		}()
	}
}
