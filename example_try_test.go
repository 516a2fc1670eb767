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

	"github.com/go-selectors/selectors"
)

func ExampleTryRead() {
	client, server := connect()
	defer server.Close()

	buf := make([]byte, 100)
	_, err := selectors.TryRead(server, buf)
	fmt.Println(errors.Is(err, selectors.ErrWouldBlock)) // nothing has come yet

	_, err = io.WriteString(client, "hello")
	check(err)
	client.Close()

	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	_, err = sel.Register(server, selectors.EventRead, nil)
	check(err)
	for {
		_, err = sel.Select(selectors.Forever)
		check(err)
		n, err := selectors.TryRead(server, buf)
		switch {
		case errors.Is(err, selectors.ErrWouldBlock):
			continue // somebody else was quicker
		case err == io.EOF:
			fmt.Println("the client has gone")
			return
		}
		check(err)
		fmt.Printf("read %q\n", buf[:n])
	}
	// Output:
	// true
	// read "hello"
	// the client has gone
}

// What doesn't fit into the socket's buffer is kept, and the connection is asked
// for writing as long as there is something left.
func ExampleTryWrite() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()

	got := make(chan int64)
	go func() {
		n, err := io.Copy(io.Discard, client)
		check(err)
		got <- n
	}()

	output := make([]byte, 10_000_000)
	_, err = sel.Register(server, selectors.EventWrite, nil)
	check(err)
	for len(output) > 0 {
		_, err = sel.Select(selectors.Forever)
		check(err)
		n, err := selectors.TryWrite(server, output)
		if !errors.Is(err, selectors.ErrWouldBlock) {
			check(err)
		}
		output = output[n:]
	}
	_, err = sel.Unregister(server)
	check(err)
	server.Close()
	fmt.Println(<-got)
	// Output:
	// 10000000
}

// A server that shares its listener with other processes isn't held up where
// they are quicker.
func ExampleTryAccept() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()
	_, err = sel.Register(listener, selectors.EventRead, nil)
	check(err)

	_, err = selectors.TryAccept(listener)
	fmt.Println(errors.Is(err, selectors.ErrWouldBlock)) // nobody is there

	client, err := net.Dial("tcp", listener.Addr().String())
	check(err)
	defer client.Close()
	for {
		_, err = sel.Select(selectors.Forever)
		check(err)
		conn, err := selectors.TryAccept(listener)
		if errors.Is(err, selectors.ErrWouldBlock) {
			continue
		}
		check(err)
		defer conn.Close()
		fmt.Println(conn.RemoteAddr().String() == client.LocalAddr().String())
		return
	}
	// Output:
	// true
	// true
}
