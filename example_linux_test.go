// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors"
)

// A selector is a file object as well, by its Fd method, and can be registered
// in another one: it is readable when something in it is ready. So a group of
// descriptors can be put off as one. KqueueSelector can do the same.
func ExampleEpollSelector_Fd() {
	inner, err := selectors.NewEpollSelector()
	check(err)
	defer inner.Close()
	outer, err := selectors.NewEpollSelector()
	check(err)
	defer outer.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()

	_, err = inner.Register(server, selectors.EventRead, "server")
	check(err)
	_, err = outer.Register(inner, selectors.EventRead, nil)
	check(err)

	_, err = io.WriteString(client, "hello")
	check(err)
	ready, err := outer.Select(time.Minute)
	check(err)
	fmt.Println(ready[0].Key.FileObj == inner)

	// The outer one says that a look at the inner one is worth it.
	ready, err = inner.Select(0)
	check(err)
	fmt.Println(ready[0].Key.Data)
	// Output:
	// true
	// server
}

// Epoll can wait for whatever has a descriptor: here a counter that another
// goroutine, or a C library, adds to.
func ExampleEpollSelector() {
	sel, err := selectors.NewEpollSelector()
	check(err)
	defer sel.Close()
	counter, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	check(err)
	defer unix.Close(counter)
	_, err = sel.Register(counter, selectors.EventRead, "counter")
	check(err)

	_, err = unix.Write(counter, []byte{1, 0, 0, 0, 0, 0, 0, 1})
	check(err)
	ready, err := sel.Select(selectors.Forever)
	check(err)
	fmt.Println(ready[0].Key.Data, ready[0].Events)
	// Output:
	// counter EventRead
}

// Epoll refuses what is always ready. PollSelector takes it.
func ExampleNewEpollSelector() {
	file, err := os.Open("/dev/null")
	check(err)
	defer file.Close()
	var sel selectors.Selector
	sel, err = selectors.NewEpollSelector()
	check(err)
	_, err = sel.Register(file, selectors.EventRead, nil)
	if errors.Is(err, unix.EPERM) {
		sel.Close()
		sel, err = selectors.NewPollSelector()
		check(err)
		_, err = sel.Register(file, selectors.EventRead, nil)
	}
	check(err)
	defer sel.Close()

	ready, err := sel.Select(selectors.Forever)
	check(err)
	fmt.Println(ready[0].Events)
	// Output:
	// EventRead
}

// A server that works on a request stops when its client hangs up. It reads
// nothing meanwhile: EventHangup alone is a pause, which more data doesn't end.
func ExampleEventMask_hangup() {
	sel, err := selectors.NewEpollSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer server.Close()
	_, err = sel.Register(server, selectors.EventHangup, nil)
	check(err)

	work, stop := context.WithCancel(context.Background())
	stopped := make(chan bool)
	go func() { // works until it is told that nobody wants the result
		<-work.Done()
		close(stopped)
	}()
	_, err = io.WriteString(client, "another request, which is not read yet")
	check(err)
	client.Close()

	ready, err := sel.Select(selectors.Forever)
	check(err)
	fmt.Println(ready[0].Events)
	stop()
	<-stopped
	fmt.Println("stopped")
	// Output:
	// EventHangup
	// stopped
}
