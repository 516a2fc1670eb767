// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Proxy hands TCP connections on to another address: thousands of them in one
// goroutine, without a buffer for those that flow.
//
//	go run ./examples/proxy -addr 127.0.0.1:8000 -to 127.0.0.1:1234
//
// It reads from one side only while the other one takes what it gets. So a
// reader that is slow slows down the writer, not the proxy, and nobody else. A
// side that is not read from is still heard when it is gone. A connection that the
// proxy breaks off is reset, so that neither side takes it for complete.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/go-selectors/selectors"
)

// A conn is one of the two ends of a proxied connection.
type conn struct {
	*net.TCPConn
	peer   *conn
	asked  selectors.EventMask
	out    []byte // came from peer, and did not fit into the socket
	ended  bool   // the other side sends no more; what it sent may be unread
	eof    bool   // everything was read from here
	shut   bool   // the end was passed on to here
	closed bool
}

// A pair is a client, and the connection to the target that was made for it.
type pair struct {
	client, server net.Conn
	err            error
}

type proxy struct {
	sel      selectors.Selector
	listener net.Listener
	paused   bool // out of descriptors
	to       string
	every    time.Duration // between two of its figures, and to try again to listen
	dialled  chan pair
	scratch  []byte // what is read, until it is written

	open, accepted, bytes int
}

// accept dials in a goroutine, since that may take its time.
func (p *proxy) accept() {
	for {
		client, err := selectors.TryAccept(p.listener)
		if errors.Is(err, selectors.ErrWouldBlock) {
			return
		}
		if err != nil {
			// The listener would stay ready. run tries again.
			log.Print(err)
			p.sel.Unregister(p.listener)
			p.paused = true
			return
		}
		p.accepted++
		client.(*net.TCPConn).SetLinger(0) // a reset, if the program ends now
		go func() {
			server, err := net.DialTimeout("tcp", p.to, 10*time.Second)
			p.dialled <- pair{client, server, err}
			p.sel.Wakeup()
		}()
	}
}

func (p *proxy) begin(d pair) {
	if d.err != nil {
		log.Print(d.err)
		d.client.Close()
		return
	}
	p.open++
	d.client.(*net.TCPConn).SetLinger(-1)
	client, server := &conn{TCPConn: d.client.(*net.TCPConn)}, &conn{TCPConn: d.server.(*net.TCPConn)}
	client.peer, server.peer = server, client
	p.update(client)
	p.update(server)
}

// ready does what can be done for one end.
func (p *proxy) ready(c *conn, events selectors.EventMask) {
	switch {
	case c.closed: // by its peer, earlier in the same list
		return
	case events&selectors.EventWrite != 0 && !p.write(c, c.out):
		return
	// What is left to write for the peer was left after the list was made.
	case events&selectors.EventRead != 0 && len(c.peer.out) == 0 && !p.read(c):
		return
	case events&selectors.EventHangup != 0 && !c.shut && !p.write(c, nil): // reset, or shut only?
		return
	}
	c.ended = c.ended || events&selectors.EventHangup != 0
	for _, c := range [...]*conn{c, c.peer} {
		if c.peer.eof && len(c.out) == 0 && !c.shut {
			c.CloseWrite()
			c.shut = true
		}
	}
	if c.shut && c.peer.shut {
		p.close(c)
		return
	}
	p.update(c)
	p.update(c.peer)
}

// read passes on what one read gives. It returns false if the connection has
// broken.
func (p *proxy) read(c *conn) bool {
	n, err := selectors.TryRead(c.TCPConn, p.scratch)
	switch {
	case errors.Is(err, selectors.ErrWouldBlock):
		return true
	case err == io.EOF:
		c.eof = true
		return true
	case err != nil:
		p.reset(c)
		return false
	}
	p.bytes += n
	return p.write(c.peer, p.scratch[:n])
}

// write keeps in c.out what the socket doesn't take.
func (p *proxy) write(c *conn, data []byte) bool {
	n, err := selectors.TryWrite(c.TCPConn, data)
	if err != nil && !errors.Is(err, selectors.ErrWouldBlock) {
		p.reset(c)
		return false
	}
	switch {
	case data == nil:
	case n == len(data):
		c.out = nil
	default:
		c.out = append(c.out[:0], data[n:]...)
	}
	return true
}

// update asks for what the connection needs next. This is the back-pressure.
func (p *proxy) update(c *conn) {
	var want selectors.EventMask
	switch {
	case c.closed:
		return
	case c.eof:
	case len(c.peer.out) == 0:
		want = selectors.EventRead
	case !c.ended:
		want = selectors.EventHangup
	}
	if len(c.out) > 0 {
		want |= selectors.EventWrite
	}
	err := p.ask(c, want)
	if errors.Is(err, errors.ErrUnsupported) { // SelectSelector doesn't know hang-ups
		want &^= selectors.EventHangup
		err = p.ask(c, want)
	}
	if err != nil {
		log.Print(err)
		p.reset(c)
		return
	}
	c.asked = want
}

func (p *proxy) ask(c *conn, want selectors.EventMask) (err error) {
	switch {
	case want == c.asked:
	case want == 0:
		_, err = p.sel.Unregister(c.TCPConn)
	case c.asked == 0:
		_, err = p.sel.Register(c.TCPConn, want, c)
	default:
		_, err = p.sel.Modify(c.TCPConn, want, c)
	}
	return err
}

// reset closes a connection such that no end takes it for complete.
func (p *proxy) reset(c *conn) {
	c.SetLinger(0)
	c.peer.SetLinger(0)
	p.close(c)
}

func (p *proxy) close(c *conn) {
	if c.closed {
		return
	}
	p.open--
	for _, c := range [...]*conn{c, c.peer} {
		if c.asked != 0 {
			p.sel.Unregister(c.TCPConn)
		}
		c.Close()
		c.closed = true
	}
}

func (p *proxy) listen() error {
	_, err := p.sel.Register(p.listener, selectors.EventRead, nil)
	p.paused = false
	return err
}

func (p *proxy) run(ctx context.Context, live bool) error {
	var ready []selectors.Ready
	before, next := 0, time.Now()
	for {
		timeout := selectors.Forever
		if live || p.paused {
			timeout = time.Until(next)
		}
		var err error
		ready, err = p.sel.AppendReady(ready[:0], timeout)
		if err != nil || ctx.Err() != nil {
			return err
		}
		for _, r := range ready {
			if c, ok := r.Key.Data.(*conn); ok {
				p.ready(c, r.Events)
			} else {
				p.accept()
			}
		}
		for len(p.dialled) > 0 {
			p.begin(<-p.dialled)
		}
		if time.Now().Before(next) {
			continue
		}
		next = time.Now().Add(p.every)
		if p.paused {
			if err := p.listen(); err != nil {
				return err
			}
		}
		if live {
			fmt.Printf("\r%d open, %d accepted, %.1f MB, %.1f MB/s \x1b[K",
				p.open, p.accepted, float64(p.bytes)/1e6, float64(p.bytes-before)/1e6/p.every.Seconds())
			before = p.bytes
		}
	}
}

func main() {
	from := flag.String("addr", "127.0.0.1:8000", "the address to listen on")
	to := flag.String("to", "127.0.0.1:1234", "the address to connect to")
	every := flag.Duration("every", time.Second, "how often to show figures, and to try again when out of descriptors")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Proxy hands each connection to -addr on to -to. Talk to it with one of\n"+
			"  nc 127.0.0.1 8000\n  curl -N telnet://127.0.0.1:8000\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *every <= 0 {
		fmt.Fprintf(os.Stderr, "proxy: -every %v: not a time between two figures\n", *every)
		os.Exit(2)
	}
	if target, err := net.ResolveTCPAddr("tcp", *to); err != nil || target.Port == 0 {
		if err == nil {
			err = errors.New("no port")
		}
		fmt.Fprintf(os.Stderr, "proxy: -to %s: %v\n", *to, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	listener, err := net.Listen("tcp", *from)
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	sel, err := selectors.NewDefaultSelector()
	if err != nil {
		log.Fatal(err)
	}
	defer sel.Close()
	p := &proxy{sel: sel, listener: listener, to: *to, every: *every, dialled: make(chan pair, 1000), scratch: make([]byte, 64<<10)}
	if err := p.listen(); err != nil {
		log.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { sel.Wakeup() })()
	fmt.Printf("listening on %v for %v\n", listener.Addr(), *to)

	info, err := os.Stdout.Stat()
	live := err == nil && info.Mode()&os.ModeCharDevice != 0
	if err := p.run(ctx, live); err != nil {
		log.Fatal(err)
	}
	fmt.Println() // Ctrl-C
	for len(p.dialled) > 0 {
		p.begin(<-p.dialled)
	}
	for key := range sel.GetMap().Values() {
		if c, ok := key.Data.(*conn); ok {
			p.reset(c)
		}
	}
}
