// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors_test

import (
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors"
)

// Urgent data of a TCP connection is an exceptional condition, and no ordinary
// data. PollSelector can tell them apart on every unix.
func ExampleEventMask_priority() {
	sel, err := selectors.NewPollSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()

	key, err := sel.Register(server, selectors.EventRead|selectors.EventPriority, nil)
	check(err)

	raw, err := client.(*net.TCPConn).SyscallConn()
	check(err)
	raw.Control(func(fd uintptr) { err = unix.Send(int(fd), []byte("!"), unix.MSG_OOB) })
	check(err)
	ready, err := sel.Select(selectors.Forever)
	check(err)
	fmt.Println(ready[0].Events)

	buf := make([]byte, 10)
	n, _, err := unix.Recvfrom(key.FD, buf, unix.MSG_OOB)
	check(err)
	fmt.Printf("urgent: %q\n", buf[:n])
	// Output:
	// EventPriority
	// urgent: "!"
}

// PollSelector takes any descriptor; a regular file is always ready.
func ExamplePollSelector() {
	sel, err := selectors.NewPollSelector()
	check(err)
	defer sel.Close()
	file, err := os.CreateTemp("", "")
	check(err)
	defer os.Remove(file.Name())
	defer file.Close()

	_, err = sel.Register(file, selectors.EventRead|selectors.EventWrite, nil)
	check(err)
	ready, err := sel.Select(selectors.Forever)
	check(err)
	fmt.Println(ready[0].Events)
	// Output:
	// EventRead|EventWrite
}

func ExampleNewPollSelector() {
	sel, err := selectors.NewPollSelector()
	check(err)
	defer sel.Close()
	ready, err := sel.Select(time.Millisecond) // a sleep
	fmt.Println(len(ready), err)
	// Output:
	// 0 <nil>
}
