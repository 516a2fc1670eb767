// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// First is the program that the README begins with. It prints what any number of
// clients send, until Ctrl-C.
package main

import (
	"context"
	"errors"
	"github.com/go-selectors/selectors"
	"log"
	"net"
	"os"
	"os/signal"
)

func main() {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	listener, err := net.Listen("tcp", "127.0.0.1:1234")
	sel, err2 := selectors.NewDefaultSelector()
	if err = errors.Join(err, err2); err == nil {
		_, err = sel.Register(listener, selectors.EventRead, nil)
	}
	for buf, ready := make([]byte, 1000), []selectors.Ready(nil); err == nil; ready, err = sel.SelectContext(ctx) {
		for _, r := range ready {
			if r.Key.FileObj == listener {
				if conn, err := selectors.TryAccept(listener); err == nil {
					log.Println(sel.Register(conn, selectors.EventRead, nil))
				}
			} else if n, err := selectors.TryRead(r.Key.FileObj, buf); err == nil {
				log.Printf("%v: %q", r, buf[:n])
			} else if !errors.Is(err, selectors.ErrWouldBlock) { // io.EOF: it has gone; else it broke
				sel.Unregister(r.Key)
				log.Println(r, err, r.Key.FileObj.(net.Conn).Close())
			}
		}
	}
	log.Print(err) // context.Canceled after Ctrl-C
}
