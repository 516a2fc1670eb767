// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors_test

import (
	"fmt"
	"io"

	"github.com/go-selectors/selectors"
)

// A wait costs time in proportion to what is ready.
func ExampleDevpollSelector() {
	sel, err := selectors.NewDevpollSelector()
	check(err)
	defer sel.Close()
	client, server := connect()
	defer client.Close()
	defer server.Close()
	_, err = io.WriteString(client, "hello")
	check(err)

	_, err = sel.Register(server, selectors.EventRead, nil)
	check(err)
	ready, err := sel.Select(selectors.Forever)
	check(err)
	fmt.Println(ready[0].Key.FileObj == server, ready[0].Events)
	// Output:
	// true EventRead
}

// A program that needs what only this selector has asks for it by name.
func ExampleNewDevpollSelector() {
	sel, err := selectors.NewDevpollSelector()
	check(err)
	defer sel.Close()
	ready, err := sel.Select(0)
	fmt.Println(len(ready), err)
	// Output:
	// 0 <nil>
}
