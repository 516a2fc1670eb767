// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Chat is a room of many who talk by lines, in one goroutine.
//
//	go run ./examples/chat -addr 127.0.0.1:6000
//
// Enter by nc 127.0.0.1 6000, or curl -N telnet://127.0.0.1:6000. The first line
// is your name. A guest who reads too slowly or is silent for too long is let go,
// and holds up nobody.
package main

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/go-selectors/selectors"
)

const (
	maxLine    = 1000
	maxBacklog = 64 << 10 // what waits for one reader
)

type client struct {
	conn     net.Conn
	name     string // empty until the first line
	in       []byte // the beginning of a line
	out      []byte // what the socket didn't take
	deadline time.Time
	place    *list.Element // in room.silent, nil once the client is gone
}

type room struct {
	sel      selectors.Selector
	listener net.Listener
	patience time.Duration
	silent   list.List // of *client; every deadline is the same time away, so the longest silent is in front
	farewell []string  // about clients that are gone, not yet told
}

func (r *room) accept() {
	conn, err := selectors.TryAccept(r.listener)
	if errors.Is(err, syscall.EMFILE) && r.silent.Len() > 0 {
		r.leave(r.silent.Front().Value.(*client), "the room is full")
	}
	if err != nil {
		return
	}
	c := &client{conn: conn, deadline: time.Now().Add(r.patience)}
	if _, err := r.sel.Register(conn, selectors.EventRead, c); err != nil {
		log.Print(err)
		conn.Close()
		return
	}
	c.place = r.silent.PushBack(c)
	r.send(c, "* your name?\n")
}

func (r *room) read(c *client) {
	var buf [4096]byte
	n, err := selectors.TryRead(c.conn, buf[:])
	if errors.Is(err, selectors.ErrWouldBlock) {
		return
	}
	if err != nil {
		r.leave(c, "hung up")
		return
	}
	c.in = append(c.in, buf[:n]...)
	for c.place != nil {
		line, rest, ok := bytes.Cut(c.in, []byte{'\n'})
		if len(line) > maxLine {
			r.leave(c, "too long a line")
			return
		}
		if !ok {
			return
		}
		c.in = rest
		c.deadline = time.Now().Add(r.patience)
		r.silent.MoveToBack(c.place)
		r.line(c, plain(line))
	}
}

// plain keeps out of a line what could change the screens of the others, and
// the commands that a telnet client sends (RFC 854).
func plain(line []byte) string {
	const iac, se, sb, will, dont = 255, 240, 250, 251, 254
	var text []byte
	for len(line) > 0 {
		n := 2 // a command
		switch {
		case line[0] != iac:
			text = append(text, line[0])
			n = 1
		case len(line) > 1 && line[1] >= will && line[1] <= dont:
			n = 3 // and its option
		case len(line) > 1 && line[1] == sb:
			if n = bytes.Index(line, []byte{iac, se}) + 2; n < 2 {
				n = len(line)
			}
		}
		line = line[min(n, len(line)):]
	}
	printable := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, string(text))
	return strings.TrimSpace(printable)
}

func (r *room) line(c *client, text string) {
	if c.name != "" {
		if text != "" {
			r.tell(c.name + ": " + text)
		}
		return
	}
	// A name must not make the lines of its owner look like those of the room,
	// or of somebody else.
	taken := text == "" || text[0] == '*' || strings.Contains(text, ":")
	for key := range r.sel.GetMap().Values() {
		if other, ok := key.Data.(*client); ok && other.name == text {
			taken = true
		}
	}
	if taken {
		r.send(c, "* another name?\n")
		return
	}
	c.name = text
	r.tell("* " + c.name + " has come")
}

// tell sends a line to all who have a name. The selector's map is the list of
// clients, and one that is too slow may leave it meanwhile.
func (r *room) tell(text string) {
	for key := range r.sel.GetMap().Values() {
		if c, ok := key.Data.(*client); ok && c.name != "" {
			r.send(c, text+"\n")
		}
	}
}

func (r *room) send(c *client, text string) {
	wasEmpty := len(c.out) == 0
	c.out = append(c.out, text...)
	if wasEmpty {
		r.write(c)
	} else if len(c.out) > maxBacklog {
		r.leave(c, "too slow")
	}
}

// write writes what the socket takes, and asks to be called again for the
// rest.
func (r *room) write(c *client) {
	n, err := selectors.TryWrite(c.conn, c.out)
	if err != nil && !errors.Is(err, selectors.ErrWouldBlock) {
		r.leave(c, "hung up")
		return
	}
	c.out = c.out[n:]
	events := selectors.EventRead
	if len(c.out) > 0 {
		events |= selectors.EventWrite
	}
	key, err := r.sel.GetKey(c.conn)
	if err == nil && key.Events != events {
		_, err = r.sel.Modify(c.conn, events, c)
	}
	if err != nil {
		r.leave(c, err.Error())
	}
}

// leave closes a connection at once. The others hear of it later: leave may be
// called by tell.
func (r *room) leave(c *client, why string) {
	r.silent.Remove(c.place)
	c.place = nil
	r.sel.Unregister(c.conn)
	selectors.TryWrite(c.conn, []byte("* you are out: "+why+"\n"))
	c.conn.Close()
	if c.name != "" {
		r.farewell = append(r.farewell, fmt.Sprintf("* %s has gone: %s", c.name, why))
	}
}

func (r *room) run(ctx context.Context) error {
	var ready []selectors.Ready
	for {
		timeout := selectors.Forever
		if first := r.silent.Front(); first != nil {
			timeout = time.Until(first.Value.(*client).deadline)
		}
		var err error
		ready, err = r.sel.AppendReady(ready[:0], timeout)
		if err != nil || ctx.Err() != nil {
			return err
		}
		for _, k := range ready {
			c, ok := k.Key.Data.(*client)
			if !ok {
				r.accept()
				continue
			}
			// Another one, earlier in the list, may have sent it away.
			if c.place != nil && k.Events&selectors.EventWrite != 0 {
				r.write(c)
			}
			if c.place != nil && k.Events&selectors.EventRead != 0 {
				r.read(c)
			}
		}
		for first := r.silent.Front(); first != nil; first = r.silent.Front() {
			c := first.Value.(*client)
			if time.Now().Before(c.deadline) {
				break
			}
			r.leave(c, "silent for too long")
		}
		for len(r.farewell) > 0 {
			text := r.farewell[0]
			r.farewell = r.farewell[1:]
			r.tell(text)
		}
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:6000", "the address to listen on")
	patience := flag.Duration("patience", 10*time.Minute, "how long one may be silent")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Chat is a room of many who talk by lines. Enter by one of\n"+
			"  nc 127.0.0.1 6000\n  curl -N telnet://127.0.0.1:6000\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *patience <= 0 {
		fmt.Fprintf(os.Stderr, "chat: -patience %v: nobody could say a word\n", *patience)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	sel, err := selectors.NewDefaultSelector()
	if err != nil {
		log.Fatal(err)
	}
	defer sel.Close()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	if _, err := sel.Register(listener, selectors.EventRead, nil); err != nil {
		log.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { sel.Wakeup() })()
	fmt.Println("listening on", listener.Addr())

	r := &room{sel: sel, listener: listener, patience: *patience}
	if err := r.run(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println() // Ctrl-C
	for r.silent.Len() > 0 {
		r.leave(r.silent.Front().Value.(*client), "the room closes")
	}
}
