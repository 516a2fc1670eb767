// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix || windows

package selectors_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"github.com/go-selectors/selectors"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// connect returns the two ends of a TCP connection.
func connect() (client, server net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()
	client, err = net.Dial("tcp", listener.Addr().String())
	check(err)
	server, err = listener.Accept()
	check(err)
	return client, server
}

// A server of one goroutine: the data of a key is the function to call when
// its descriptor is ready.
func Example() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()

	open := true
	read := func(fileobj any) {
		conn := fileobj.(net.Conn)
		buf := make([]byte, 1000)
		n, err := conn.Read(buf) // is ready
		if err != nil {
			fmt.Println("closing:", err)
			sel.Unregister(conn)
			conn.Close()
			open = false
			return
		}
		fmt.Printf("echoing %q\n", buf[:n])
		conn.Write(buf[:n])
	}
	accept := func(fileobj any) {
		conn, err := fileobj.(net.Listener).Accept() // is ready
		check(err)
		_, err = sel.Register(conn, selectors.EventRead, read)
		check(err)
	}
	_, err = sel.Register(listener, selectors.EventRead, accept)
	check(err)

	go func() { // a client
		conn, err := net.Dial("tcp", listener.Addr().String())
		check(err)
		io.WriteString(conn, "hello")
		io.ReadFull(conn, make([]byte, len("hello")))
		conn.Close()
	}()

	for open {
		ready, err := sel.Select(selectors.Forever)
		check(err)
		for _, r := range ready {
			callback := r.Key.Data.(func(any))
			callback(r.Key.FileObj)
		}
	}
	// Output:
	// echoing "hello"
	// closing: EOF
}

func ExampleSelector_Register() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()

	key, err := sel.Register(server, selectors.EventRead, "some data")
	check(err)
	fmt.Println(key.Events, key.Data)

	// A descriptor has one key, whatever object it is named by.
	_, err = sel.Register(key.FD, selectors.EventWrite, nil)
	fmt.Println(errors.Is(err, selectors.ErrRegistered))

	_, err = sel.Register(client, 0, nil)
	fmt.Println(errors.Is(err, selectors.ErrInvalidEvents))

	_, err = sel.Register("client", selectors.EventRead, nil)
	fmt.Println(errors.Is(err, selectors.ErrInvalidFileObj))
	// Output:
	// EventRead some data
	// true
	// true
	// true
}

// A connection is asked for writing only while there is something to write:
// it is ready for that nearly always.
func ExampleSelector_Modify() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()

	_, err = sel.Register(server, selectors.EventRead, nil)
	check(err)
	_, err = io.WriteString(client, "ping")
	check(err)
	buf := make([]byte, 100)
	for done := false; !done; {
		ready, err := sel.Select(selectors.Forever)
		check(err)
		for _, r := range ready {
			switch r.Events {
			case selectors.EventRead:
				n, err := server.Read(buf)
				check(err)
				fmt.Printf("read %q\n", buf[:n])
				_, err = sel.Modify(server, selectors.EventWrite, "pong")
				check(err)
			case selectors.EventWrite:
				answer := r.Key.Data.(string)
				_, err := io.WriteString(server, answer)
				check(err)
				fmt.Printf("wrote %q\n", answer)
				_, err = sel.Modify(server, selectors.EventRead, nil)
				check(err)
				done = true
			}
		}
	}
	// Output:
	// read "ping"
	// wrote "pong"
}

func ExampleSelector_SelectContext() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()
	_, err = sel.Register(server, selectors.EventRead, nil)
	check(err)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	ready, err := sel.SelectContext(ctx)
	fmt.Println(len(ready), err)
	// Output:
	// 0 context deadline exceeded
}

// Wakeup brings the loop what other goroutines have for it, such as the
// results of work that would block it.
func ExampleSelector_Wakeup() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()

	results := make(chan int, 1)
	go func() {
		results <- 6 * 7
		sel.Wakeup()
	}()

	for {
		ready, err := sel.Select(selectors.Forever)
		check(err)
		for _, r := range ready {
			fmt.Println("ready:", r.Key.FD) // not in this example
		}
		select {
		case n := <-results:
			fmt.Println("result:", n)
			return
		default:
		}
	}
	// Output:
	// result: 42
}

// A loop that uses its slice again allocates nothing for its waits.
func ExampleSelector_AppendReady() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()
	_, err = sel.Register(server, selectors.EventRead|selectors.EventWrite, nil)
	check(err)

	var ready []selectors.Ready
	for range 3 {
		ready, err = sel.AppendReady(ready[:0], time.Second)
		check(err)
		for _, r := range ready {
			fmt.Println(r.Events)
		}
	}
	// Output:
	// EventWrite
	// EventWrite
	// EventWrite
}

func ExampleSelector_GetMap() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	client, server := connect()
	defer client.Close()
	defer server.Close()

	m := sel.GetMap()
	_, err = sel.Register(server, selectors.EventRead, "server")
	check(err)
	fmt.Println(m.Len(), "registered") // the view is live
	for fd, key := range m.All() {
		fmt.Println(fd == key.FD, key.Data)
	}
	_, ok := m.Get(client)
	fmt.Println("client:", ok)

	check(sel.Close())
	fmt.Println(m.Len(), sel.GetMap() == nil)
	// Output:
	// 1 registered
	// true server
	// client: false
	// 0 true
}
