// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// First is the program that the README begins with. It prints what any number of
// clients send, until Ctrl-C.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"os/signal"

	"github.com/go-selectors/selectors"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:1234")
	if err != nil {
		log.Fatal(err)
	}
	sel, err := selectors.NewDefaultSelector()
	if err == nil {
		_, err = sel.Register(listener, selectors.EventRead, nil)
	}
	var ready []selectors.Ready
	for buf := make([]byte, 1000); err == nil; ready, err = sel.SelectContext(ctx) {
		for _, r := range ready {
			if r.Key.FileObj == listener {
				if conn, err := selectors.TryAccept(listener); err == nil {
					log.Println(sel.Register(conn, selectors.EventRead, nil))
				}
				continue
			}
			switch n, err := selectors.TryRead(r.Key.FileObj, buf); {
			case err == nil:
				log.Printf("%v: %q", r, buf[:n])
			case errors.Is(err, selectors.ErrWouldBlock): // somebody else was quicker
			default: // io.EOF if the client has gone, or the connection broke
				log.Printf("%v: %v", r, err)
				sel.Unregister(r.Key)
				r.Key.FileObj.(io.Closer).Close()
			}
		}
	}
	log.Print(err) // context.Canceled after Ctrl-C
}
