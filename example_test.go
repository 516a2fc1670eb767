// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix || windows

package selectors_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"strings"
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

// child returns a program that ends at once.
func child() *exec.Cmd {
	if os.Getenv("SELECTORS_EMULATED") != "" { // can't start itself
		return exec.Command("true")
	}
	return exec.Command(os.Args[0], "-test.run=^$")
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
	read := func(key *selectors.SelectorKey) {
		conn := key.FileObj.(net.Conn)
		buf := make([]byte, 1000)
		n, err := selectors.TryRead(conn, buf)
		switch {
		case errors.Is(err, selectors.ErrWouldBlock): // somebody else was quicker
		case err == nil:
			fmt.Printf("echoing %q\n", buf[:n])
			_, err := selectors.TryWrite(conn, buf[:n]) // takes what fits
			check(err)
		default: // io.EOF, or the connection is broken
			fmt.Println("closing:", err)
			sel.Unregister(key)
			conn.Close()
			open = false
		}
	}
	accept := func(key *selectors.SelectorKey) {
		conn, err := selectors.TryAccept(key.FileObj.(net.Listener))
		if errors.Is(err, selectors.ErrWouldBlock) {
			return // the client has left, or somebody else was quicker
		}
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
			callback := r.Key.Data.(func(*selectors.SelectorKey))
			callback(r.Key)
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
// it is ready for that nearly always. What is left to write is the key's data.
func ExampleSelector_Modify() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()

	_, err = sel.Register(server, selectors.EventRead, "")
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
				n, err := selectors.TryRead(server, buf)
				if errors.Is(err, selectors.ErrWouldBlock) {
					continue
				}
				check(err)
				fmt.Printf("read %q\n", buf[:n])
				_, err = sel.Modify(r.Key, selectors.EventWrite, "pong")
				check(err)
			case selectors.EventWrite:
				left := r.Key.Data.(string)
				n, err := selectors.TryWrite(server, []byte(left))
				if !errors.Is(err, selectors.ErrWouldBlock) {
					check(err)
				}
				fmt.Printf("wrote %q\n", left[:n])
				if left = left[n:]; left != "" {
					_, err = sel.Modify(r.Key, selectors.EventWrite, left)
				} else {
					_, err = sel.Modify(r.Key, selectors.EventRead, "")
					done = true
				}
				check(err)
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

// A timeout together with a stop: the loop looks at the context after each wait,
// and a Wakeup ends the wait when the context is done. For Ctrl-C the context is
// that of signal.NotifyContext.
func ExampleSelector_AppendReady_stop() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	defer context.AfterFunc(ctx, func() { sel.Wakeup() })()
	next := time.Now().Add(10 * time.Millisecond)
	var ready []selectors.Ready
	for ctx.Err() == nil {
		ready, err = sel.AppendReady(ready[:0], time.Until(next))
		check(err)
		for _, r := range ready {
			fmt.Println(r.Key.Data, r.Events) // not in this example
		}
		if !time.Now().Before(next) {
			fmt.Println("the time is over")
			next = time.Now().Add(time.Hour)
			go cancel()
		}
	}
	fmt.Println(ctx.Err())
	// Output:
	// the time is over
	// context canceled
}

// Standard input beside sockets, on every system: a goroutine reads it, and hands
// over what it got by a channel and Wakeup. So it may be a terminal, a pipe or a
// file. On Windows nothing else can serve a console.
func ExampleSelector_Wakeup_stdin() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()
	_, err = sel.Register(server, selectors.EventRead, nil)
	check(err)
	stdin := strings.NewReader("hello\nis anybody there?\n") // in a program os.Stdin

	lines := make(chan string, 10)
	go func() {
		for scanner := bufio.NewScanner(stdin); scanner.Scan(); {
			lines <- scanner.Text()
			sel.Wakeup()
		}
		close(lines)
		sel.Wakeup()
	}()

	buf := make([]byte, 100)
	for {
		ready, err := sel.Select(selectors.Forever)
		check(err)
		for range ready {
			n, err := selectors.TryRead(server, buf)
			if errors.Is(err, selectors.ErrWouldBlock) {
				continue
			}
			check(err)
			fmt.Printf("the socket: %q\n", buf[:n])
			return
		}
		for more := true; more; {
			select {
			case line, ok := <-lines:
				if ok {
					fmt.Printf("standard input: %q\n", line)
					continue
				}
				fmt.Println("standard input has ended")
				lines = nil
				_, err = io.WriteString(client, "yes") // the peer answers
				check(err)
			default:
				more = false
			}
		}
	}
	// Output:
	// standard input: "hello"
	// standard input: "is anybody there?"
	// standard input has ended
	// the socket: "yes"
}

// The end of a process, on every system: a goroutine waits for it.
func ExampleSelector_Wakeup_process() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()
	cmd := child()
	check(cmd.Start())

	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		sel.Wakeup()
	}()

	for {
		ready, err := sel.Select(selectors.Forever)
		check(err)
		for _, r := range ready {
			fmt.Println(r.Key.Data, r.Events) // not in this example
		}
		select {
		case err := <-ended:
			fmt.Println("the process has ended:", err)
			return
		default:
		}
	}
	// Output:
	// the process has ended: <nil>
}

// A pool of workers that wait on one selector. With EventOnce a connection is
// handed to one of them at a time, and rests until that one arms it again. So what
// belongs to a connection needs no lock.
func ExampleEventMask_once() {
	sel, err := selectors.NewDefaultSelector()
	check(err)
	const clients, rounds = 5, 20
	for range clients {
		client, server := connect()
		go func() {
			defer client.Close()
			for range rounds {
				io.WriteString(client, "ping")
				io.ReadFull(client, make([]byte, len("pong")))
			}
		}()
		_, err = sel.Register(server, selectors.EventRead|selectors.EventOnce, new(int))
		check(err)
	}

	ended := make(chan int, clients)
	for range 3 { // the workers
		go func() {
			buf := make([]byte, 100)
			for {
				ready, err := sel.Select(selectors.Forever)
				if errors.Is(err, selectors.ErrClosed) {
					return
				}
				check(err)
				for _, r := range ready {
					conn, pings := r.Key.FileObj.(net.Conn), r.Key.Data.(*int)
					_, err := selectors.TryRead(conn, buf)
					switch {
					case err == io.EOF:
						sel.Unregister(r.Key)
						conn.Close()
						ended <- *pings
						continue
					case !errors.Is(err, selectors.ErrWouldBlock):
						check(err)
						*pings++
						_, err = selectors.TryWrite(conn, []byte("pong"))
						check(err)
					}
					_, err = sel.Modify(r.Key, r.Key.Events, pings) // arms it again
					check(err)
				}
			}
		}()
	}
	for range clients {
		fmt.Println(<-ended)
	}
	sel.Close()
	// Output:
	// 20
	// 20
	// 20
	// 20
	// 20
}

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
