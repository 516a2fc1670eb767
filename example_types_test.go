// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix || windows

package selectors_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/go-selectors/selectors"
)

// NewDefaultSelector fails where a system has no selector at all.
func ExampleNewDefaultSelector() {
	sel, err := selectors.NewDefaultSelector()
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Println("not on this system")
		return
	}
	check(err)
	defer sel.Close()
	fmt.Println(sel.GetMap().Len(), "registered")
	// Output:
	// 0 registered
}

// What waits for one connection takes any selector.
func ExampleSelector() {
	wait := func(sel selectors.Selector, conn net.Conn) selectors.EventMask {
		key, err := sel.Register(conn, selectors.EventRead, nil)
		check(err)
		defer sel.Unregister(key)
		ready, err := sel.Select(time.Minute)
		check(err)
		return ready[0].Events
	}

	sel, err := selectors.NewSelectSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()
	_, err = io.WriteString(client, "hello")
	check(err)
	fmt.Println(wait(sel, server))
	// Output:
	// EventRead
}

// A mask is a set of events.
func ExampleEventMask() {
	mask := selectors.EventRead | selectors.EventWrite
	fmt.Println(mask, mask&selectors.EventWrite != 0)
	mask &^= selectors.EventWrite
	fmt.Println(mask, mask&selectors.EventWrite != 0)
	// Output:
	// EventRead|EventWrite true
	// EventRead false
}

// Modify makes a new key and leaves the old one as it was.
func ExampleSelectorKey() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()

	first, err := sel.Register(server, selectors.EventRead, "some data")
	check(err)
	second, err := sel.Modify(server, selectors.EventWrite, nil)
	check(err)
	fmt.Println(first.Events, first.Data)
	fmt.Println(second.Events, second.Data, second.FileObj == server)

	now, err := sel.GetKey(server)
	check(err)
	fmt.Println(now == first, now == second)
	// Output:
	// EventRead some data
	// EventWrite <nil> true
	// false true
}

// The events of a Ready are those that are there, of those that were asked for.
func ExampleReady() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()

	_, err = sel.Register(server, selectors.EventRead|selectors.EventWrite, "server")
	check(err)
	ready, err := sel.Select(selectors.Forever)
	check(err)
	for _, r := range ready {
		fmt.Println(r.Key.Data, "can be read:", r.Events&selectors.EventRead != 0)
		fmt.Println(r.Key.Data, "can be written to:", r.Events&selectors.EventWrite != 0)
	}
	// Output:
	// server can be read: false
	// server can be written to: true
}

// A program that ends closes all that it has registered.
func ExampleMap() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	for _, conn := range []net.Conn{client, server} {
		_, err = sel.Register(conn, selectors.EventRead, nil)
		check(err)
	}

	m := sel.GetMap()
	for key := range m.Values() {
		sel.Unregister(key) // may be called in the loop
		key.FileObj.(io.Closer).Close()
	}
	fmt.Println(m.Len(), "left")
	// Output:
	// 0 left
}

// A SelectSelector is on every system but Plan 9, js and wasip1.
func ExampleSelectSelector() {
	sel, err := selectors.NewSelectSelector()
	check(err)
	defer sel.Close()
	_, server := connect()
	defer server.Close()

	// select(2) can't tell a half-close from data.
	_, err = sel.Register(server, selectors.EventHangup, nil)
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
	// Output:
	// true
}

func ExampleNewSelectSelector() {
	sel, err := selectors.NewSelectSelector()
	check(err)
	defer sel.Close()
	ready, err := sel.Select(time.Millisecond) // a sleep
	fmt.Println(len(ready), err)
	// Output:
	// 0 <nil>
}

// A loop that connects lets a goroutine dial, which looks up names as well, and
// takes the connection from a channel.
func ExampleSelector_Wakeup_dial() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()

	type dialled struct {
		conn net.Conn
		err  error
	}
	connections := make(chan dialled, 1)
	go func() {
		conn, err := net.Dial("tcp", listener.Addr().String())
		connections <- dialled{conn, err}
		sel.Wakeup()
	}()

	for {
		ready, err := sel.Select(selectors.Forever)
		check(err)
		for _, r := range ready {
			fmt.Println(r.Key.Data, r.Events)
			r.Key.FileObj.(net.Conn).Close()
			return
		}
		select {
		case d := <-connections:
			check(d.err)
			fmt.Println("connected")
			_, err = sel.Register(d.conn, selectors.EventWrite, "the connection")
			check(err)
		default:
		}
	}
	// Output:
	// connected
	// the connection EventWrite
}
