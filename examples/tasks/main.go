// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Tasks shows how an asyncio grows on a selector: a hundred pages are fetched
// side by side in one thread of control, by code that is written straight
// down. The way there has four steps, from yield to an event loop.
//
//	go run ./examples/tasks
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/go-selectors/selectors"
)

// Step 1: yield. A generator of Python's stands still at each yield until it is
// asked for its next value. So what it yields can be a wish, and who runs it
// can let it stand still until the wish has come true: it is a task then. In
// Go iter.Pull does that to an iterator function: next runs it to its next yield.

// A wish is to go on when conn is ready for events, if there are any, and no
// later than a time.
type wish struct {
	conn   net.Conn
	events selectors.EventMask
	until  time.Time
}

type task struct {
	wish
	loop  *loop
	yield func(wish) bool
	next  func() (wish, bool)
	stop  func()
	err   error // why the wish has not come true
}

// Step 2: yield from. What has to wait is deep down: a read in a parser in a
// protocol in a task. In Python a generator is one frame of the stack, so all of
// these must be generators, and each hands on what the one below yields: by
// "yield from", later named "await". A coroutine of iter.Pull has a stack of its
// own, and whatever it calls can yield. So even net/http, which knows nothing of
// this, is suspended within the Read of a connection.

func (t *task) wait(w wish) error {
	if !t.yield(w) {
		return context.Canceled // Python throws CancelledError into the generator
	}
	return t.err
}

func (t *task) sleep(d time.Duration) (goOn bool) {
	return t.wait(wish{until: time.Now().Add(d)}) != context.Canceled
}

// A connection lets its task wait where a system call would block.
type connection struct {
	net.Conn
	task     *task
	deadline time.Time
}

// dial leaves to a goroutine what takes its time, names and all. The loop is
// told by a function to call, and a Wakeup.
func (t *task) dial(addr string, deadline time.Time) (c *connection, err error) {
	never := time.Unix(1<<40, 0)
	go func() {
		conn, dialErr := (&net.Dialer{Deadline: deadline}).Dial("tcp", addr)
		t.loop.calls <- func() {
			c, err = &connection{conn, t, deadline}, dialErr
			t.loop.wake(t, nil)
		}
		t.loop.sel.Wakeup()
	}()
	if cancelled := t.wait(wish{until: never}); cancelled != nil {
		return nil, cancelled
	}
	return c, err
}

func (c *connection) Read(p []byte) (int, error) {
	for {
		n, err := selectors.TryRead(c.Conn, p)
		if errors.Is(err, selectors.ErrWouldBlock) {
			err = c.task.wait(wish{c.Conn, selectors.EventRead, c.deadline})
			if err == nil {
				continue
			}
		}
		return n, err
	}
}

// Step 3: the event loop. It lets every task run that can, and asks the
// selector and the clock whose wish has come true meanwhile. The data of a key
// is the task that waits for it.
type loop struct {
	sel     selectors.Selector
	ready   []*task
	waiting []*task     // sorted by time
	calls   chan func() // of goroutines, for the loop to call
}

func (l *loop) start(f func(*task)) {
	t := &task{loop: l}
	t.next, t.stop = iter.Pull(func(yield func(wish) bool) {
		t.yield = yield
		f(t)
	})
	l.ready = append(l.ready, t)
}

// resume lets a task run to its next wish.
func (l *loop) resume(t *task) {
	var ok bool
	if t.wish, ok = t.next(); !ok {
		return // it has ended
	}
	i, _ := slices.BinarySearchFunc(l.waiting, t, func(a, b *task) int { return a.until.Compare(b.until) })
	l.waiting = slices.Insert(l.waiting, i, t)
	if t.events != 0 {
		if _, err := l.sel.Register(t.conn, t.events, t); err != nil {
			l.wake(t, err)
		}
	}
}

// wake makes a waiting task ready to run.
func (l *loop) wake(t *task, err error) {
	if t.events != 0 {
		l.sel.Unregister(t.conn)
	}
	l.waiting = slices.DeleteFunc(l.waiting, func(other *task) bool { return other == t })
	l.ready = append(l.ready, t)
	t.err = err
}

// run returns when every task has ended, or was stopped because ctx is done.
func (l *loop) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { l.sel.Wakeup() })()
	for {
		for ; len(l.ready) > 0; l.ready = l.ready[1:] {
			l.resume(l.ready[0])
		}
		if len(l.waiting) == 0 || ctx.Err() != nil {
			break
		}
		ready, err := l.sel.Select(time.Until(l.waiting[0].until))
		if err != nil {
			return err
		}
		for _, r := range ready {
			l.wake(r.Key.Data.(*task), nil)
		}
		for len(l.calls) > 0 {
			(<-l.calls)()
		}
		for now := time.Now(); len(l.waiting) > 0 && !now.Before(l.waiting[0].until); {
			l.wake(l.waiting[0], os.ErrDeadlineExceeded)
		}
	}
	for _, t := range slices.Clone(l.waiting) {
		l.wake(t, nil)
		t.stop()
	}
	return ctx.Err()
}

// Step 4: the program, straight down.

func fetch(t *task, addr, path string, patience time.Duration) ([]byte, error) {
	c, err := t.dial(addr, time.Now().Add(patience))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := selectors.TryWrite(c.Conn, []byte("GET "+path+" HTTP/1.0\r\n\r\n")); err != nil { // short enough to fit
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(response.Body)
}

func main() {
	from := flag.String("from", "", "the server; if empty one that takes 200 ms for a page")
	patience := flag.Duration("patience", 10*time.Second, "the time for each page")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Tasks fetches a hundred pages side by side, /0 to /99, in one thread of control.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *patience <= 0 {
		fmt.Fprintf(os.Stderr, "tasks: -patience %v: no page could come in time\n", *patience)
		os.Exit(2)
	}
	if _, _, err := net.SplitHostPort(*from); *from != "" && err != nil {
		fmt.Fprintf(os.Stderr, "tasks: -from: %v\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *from == "" {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		check(err)
		go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(200 * time.Millisecond)
			fmt.Fprintln(w, "This is page", r.URL.Path)
		}))
		*from = listener.Addr().String()
	}
	sel, err := selectors.NewDefaultSelector()
	check(err)
	defer sel.Close()

	l := &loop{sel: sel, calls: make(chan func(), 100)}
	began := time.Now()
	pages, bytes, open, unreachable := 0, 0, 100, false // no lock: there is one thread of control
	for i := range open {
		l.start(func(t *task) {
			body, err := fetch(t, *from, fmt.Sprintf("/%d", i), *patience)
			open--
			var op *net.OpError
			switch {
			case err == nil:
				pages++
				bytes += len(body)
			case err == context.Canceled:
			case errors.As(err, &op) && op.Op == "dial": // likely so for all
				if !unreachable {
					fmt.Println("no server:", err)
				}
				unreachable = true
			default:
				fmt.Printf("page %d: %v\n", i, err)
			}
		})
	}
	l.start(func(t *task) {
		for open > 0 && t.sleep(50*time.Millisecond) {
			fmt.Printf("%v: %d to go\n", time.Since(began).Round(time.Millisecond), open)
		}
	})
	if l.run(ctx) != nil {
		fmt.Println()
		return // Ctrl-C
	}
	fmt.Printf("%d pages, %d bytes, in %v\n", pages, bytes, time.Since(began).Round(time.Millisecond))
	if pages == 0 {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
