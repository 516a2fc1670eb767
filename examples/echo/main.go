// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Echo is the echo server of the documentation of Python's selectors module,
// ported line by line. It runs wherever the package does.
//
//	go run ./examples/echo
//
// Talk to it with nc localhost 1234, and end it with Ctrl-C.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/go-selectors/selectors"
)

type callback func(fileobj any, mask selectors.EventMask)

var sel selectors.Selector

func accept(fileobj any, mask selectors.EventMask) {
	sock := fileobj.(*net.TCPListener)
	// On some systems a client that has left already takes its connection
	// with it, and Accept would wait for the next one.
	sock.SetDeadline(time.Now().Add(time.Millisecond))
	conn, err := sock.Accept() // Should be ready
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
	n, err := conn.Read(data) // Should be ready
	if err == nil {
		say("echoing %q to %v\n", data[:n], conn.RemoteAddr())
		// Hope it won't block: Write waits until a client that doesn't read
		// has made room, and everybody else waits too. See examples/proxy for
		// the cure.
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, err = conn.Write(data[:n])
	}
	if err != nil {
		say("closing %v: %v\n", conn.RemoteAddr(), err)
		sel.Unregister(conn)
		conn.Close()
	}
}

func main() {
	addr := flag.String("addr", "localhost:1234", "the address to listen on")
	flag.Parse()
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
// the loop.
func say(format string, args ...any) {
	if isTerminal {
		fmt.Printf(format, args...)
	}
}

var isTerminal = func() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}()
