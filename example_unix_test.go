// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors_test

import (
	"fmt"
	"net"

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
