// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

// Command gnet is the peer of that name. It is called like the others:
//
//	gnet <work> <ms> <n> <a>
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/go-selectors/selectors/bench/measure"
	"github.com/panjf2000/gnet/v2"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

func main() {
	switch os.Args[1] {
	case "pingpong":
		pingpong(time.Duration(measure.Numbers(os.Args[2:])[0]) * time.Millisecond)
	case "server":
		server()
	}
}

// quiet is needed because gnet logs where our results go.
var quiet = gnet.WithLogger(zap.NewNop().Sugar())

// An echo sends back what comes in.
type echo struct{ gnet.BuiltinEventEngine }

func (*echo) OnBoot(e gnet.Engine) gnet.Action {
	fd, err := e.Dup()
	measure.Check(err)
	addr, err := unix.Getsockname(fd)
	measure.Check(err)
	fmt.Println(addr.(*unix.SockaddrInet4).Port)
	return gnet.None
}

func (*echo) OnTraffic(c gnet.Conn) gnet.Action {
	return answer(c)
}

func answer(c gnet.Conn) gnet.Action {
	b, err := c.Next(-1)
	measure.Check(err)
	_, err = c.Write(b)
	measure.Check(err)
	return gnet.None
}

func server() {
	measure.Check(gnet.Run(new(echo), "tcp4://127.0.0.1:0", quiet, gnet.WithReadBufferCap(4096)))
}

// A turns answers each answer, and tells of every hundredth.
type turns struct {
	gnet.BuiltinEventEngine
	n       int
	hundred chan struct{}
}

func (t *turns) OnTraffic(c gnet.Conn) gnet.Action {
	if t.n++; t.n%100 == 0 {
		t.hundred <- struct{}{}
	}
	return answer(c)
}

func pingpong(d time.Duration) {
	t := &turns{hundred: make(chan struct{}, 1000)}
	client, err := gnet.NewClient(t, quiet)
	measure.Check(err)
	measure.Check(client.Start())
	partner, err := net.FileConn(os.NewFile(3, ""))
	measure.Check(err)
	c, err := client.EnrollContext(partner, context.Background())
	measure.Check(err)
	measure.Check(c.AsyncWrite([]byte{0}, nil))
	measure.Print([]float64{measure.Cost(d, measure.WallTime, func() int {
		<-t.hundred
		return 100
	})})
}
