// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Echo is the echo server of the documentation of Python's selectors module,
// ported line by line. It runs wherever the package does.
//
//	go run ./examples/echo
//
// Talk to it with nc localhost 1234, or curl -N telnet://localhost:1234, and end
// it with Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"

	"github.com/go-selectors/selectors"
)

type callback func(fileobj any, mask selectors.EventMask)

var sel selectors.Selector

func accept(fileobj any, mask selectors.EventMask) {
	conn, err := selectors.TryAccept(fileobj.(net.Listener)) // Should be ready
	if err != nil {
		say("not accepted: %v\n", err)
		return
	}
	say("accepted %v\n", conn.RemoteAddr())
	if _, err := sel.Register(conn, selectors.EventRead, callback(read)); err != nil {
		say("not registered: %v\n", err)
		conn.Close()
	}
}

func read(fileobj any, mask selectors.EventMask) {
	conn := fileobj.(net.Conn)
	data := make([]byte, 1000)
	n, err := selectors.TryRead(conn, data) // Should be ready
	if errors.Is(err, selectors.ErrWouldBlock) {
		return
	}
	if err == nil {
		say("echoing %d bytes to %v: %q\n", n, conn.RemoteAddr(), data[:min(n, 40)])
		err = echo(conn, data[:n]) // Hope it won't block
	}
	if err != nil {
		say("closing %v: %v\n", conn.RemoteAddr(), err)
		sel.Unregister(conn)
		conn.Close()
	}
}

// echo fails if a client doesn't read and there is no more room. Then its
// connection ends. See examples/proxy for how to wait for room instead.
func echo(conn net.Conn, data []byte) error {
	n, err := selectors.TryWrite(conn, data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return err
}

func main() {
	addr := flag.String("addr", "127.0.0.1:1234", "the address to listen on")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Echo sends back what it is sent. Talk to it with one of\n"+
			"  nc 127.0.0.1 1234\n  curl -N telnet://127.0.0.1:1234\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	var err error
	sel, err = selectors.NewDefaultSelector()
	if err != nil {
		log.Fatal(err)
	}
	defer sel.Close()
	sock, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	defer sock.Close()
	if _, err := sel.Register(sock, selectors.EventRead, callback(accept)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", sock.Addr())

	for {
		events, err := sel.SelectContext(ctx)
		if ctx.Err() != nil {
			fmt.Println()
			return // Ctrl-C
		}
		if err != nil {
			log.Fatal(err)
		}
		for _, ready := range events {
			callback := ready.Key.Data.(callback)
			callback(ready.Key.FileObj, ready.Events)
		}
	}
}

// say prints if somebody sees it. Into a pipe that nobody reads it could block
// the loop. A slow terminal holds up the loop too, so no message is long.
func say(format string, args ...any) {
	if isTerminal {
		fmt.Printf(format, args...)
	}
}

var isTerminal = func() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}()
