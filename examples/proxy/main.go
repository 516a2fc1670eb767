// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

// Proxy hands TCP connections on to another address: thousands of them in one
// goroutine, without a buffer for those that flow.
//
//	go run ./examples/proxy -addr localhost:8000 -to localhost:1234
//
// It reads from one side only while the other one takes what it gets. So a
// reader that is slow slows down the writer, not the proxy, and nobody else.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors"
)

// A conn is one of the two ends of a proxied connection.
type conn struct {
	fd         int // -1 once closed
	peer       *conn
	registered selectors.EventMask
	connecting bool
	out        []byte // came from peer, and did not fit into the socket
	eof        bool   // everything was read from here
	shut       bool   // the end was passed on to here
}

type proxy struct {
	sel      selectors.Selector
	listener int // its descriptor
	paused   bool
	to       unix.Sockaddr
	family   int
	scratch  []byte // what is read, until it is written

	open, accepted, bytes int
}

func (p *proxy) accept() {
	for {
		fd, _, err := unix.Accept(p.listener)
		if err == unix.EMFILE || err == unix.ENFILE {
			// The listener would stay ready. tick tries again.
			p.sel.Unregister(p.listener)
			p.paused = true
		}
		if err != nil {
			return
		}
		p.accepted++
		p.open++
		client, server := &conn{fd: fd}, &conn{fd: -1, connecting: true}
		client.peer, server.peer = server, client
		setUp(client.fd)
		if server.fd, err = unix.Socket(p.family, unix.SOCK_STREAM, 0); err == nil {
			setUp(server.fd)
			err = unix.Connect(server.fd, p.to)
		}
		if err != nil && err != unix.EINPROGRESS {
			p.reset(client)
			continue
		}
		p.update(server)
	}
}

func setUp(fd int) {
	unix.CloseOnExec(fd)
	unix.SetNonblock(fd, true)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

// ready does what can be done for one end.
func (p *proxy) ready(c *conn, events selectors.EventMask) {
	if c.fd < 0 {
		return // its peer, earlier in the same list, has closed both
	}
	if c.connecting {
		errno, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil || errno != 0 {
			p.reset(c)
			return
		}
		c.connecting = false
	} else if events&selectors.EventWrite != 0 && !p.write(c, c.out) {
		return
	}
	// What is left to write for the peer was left after the list was made.
	if events&selectors.EventRead != 0 && len(c.peer.out) == 0 && !p.read(c) {
		return
	}
	for _, c := range [...]*conn{c, c.peer} {
		if c.peer.eof && len(c.out) == 0 && !c.shut {
			unix.Shutdown(c.fd, unix.SHUT_WR)
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
	n, err := unix.Read(c.fd, p.scratch)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return true
	case err != nil:
		p.reset(c)
		return false
	case n == 0:
		c.eof = true
		return true
	}
	p.bytes += n
	return p.write(c.peer, p.scratch[:n])
}

// write keeps in c.out what the socket doesn't take.
func (p *proxy) write(c *conn, data []byte) bool {
	n, err := unix.Write(c.fd, data)
	if err == unix.EAGAIN || err == unix.EINTR {
		n = 0
	} else if err != nil {
		p.reset(c)
		return false
	}
	if n == len(data) {
		c.out = nil
	} else {
		c.out = append(c.out[:0], data[n:]...)
	}
	return true
}

// update asks for what the connection needs next. This is the back-pressure.
func (p *proxy) update(c *conn) {
	var want selectors.EventMask
	if !c.eof && len(c.peer.out) == 0 && !c.connecting && !c.peer.connecting {
		want |= selectors.EventRead
	}
	if len(c.out) > 0 || c.connecting {
		want |= selectors.EventWrite
	}
	if want == c.registered || c.fd < 0 {
		return
	}
	var err error
	switch {
	case want == 0:
		_, err = p.sel.Unregister(c.fd)
	case c.registered == 0:
		_, err = p.sel.Register(c.fd, want, c)
	default:
		_, err = p.sel.Modify(c.fd, want, c)
	}
	if err != nil {
		log.Print(err)
		p.reset(c)
		return
	}
	c.registered = want
}

// reset closes a connection such that no end takes it for complete.
func (p *proxy) reset(c *conn) {
	for _, c := range [...]*conn{c, c.peer} {
		if c.fd >= 0 {
			unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		}
	}
	p.close(c)
}

func (p *proxy) close(c *conn) {
	p.open--
	for _, c := range [...]*conn{c, c.peer} {
		if c.registered != 0 {
			p.sel.Unregister(c.fd)
		}
		if c.fd >= 0 {
			unix.Close(c.fd)
		}
		c.fd = -1
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
		if time.Now().Before(next) {
			continue
		}
		next = time.Now().Add(time.Second)
		if p.paused {
			if err := p.listen(); err != nil {
				return err
			}
		}
		if live {
			fmt.Printf("\r%d open, %d accepted, %.1f MB, %.1f MB/s \x1b[K",
				p.open, p.accepted, float64(p.bytes)/1e6, float64(p.bytes-before)/1e6)
			before = p.bytes
		}
	}
}

// sockaddr returns an address as the system calls want it.
func sockaddr(addr *net.TCPAddr) (unix.Sockaddr, int) {
	if ip := addr.IP.To4(); ip != nil {
		return &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(ip)}, unix.AF_INET
	}
	return &unix.SockaddrInet6{Port: addr.Port, Addr: [16]byte(addr.IP.To16())}, unix.AF_INET6
}

func main() {
	from := flag.String("addr", "localhost:8000", "the address to listen on")
	to := flag.String("to", "localhost:1234", "the address to connect to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	target, err := net.ResolveTCPAddr("tcp", *to)
	if err != nil {
		log.Fatal(err)
	}
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
	key, err := sel.Register(listener, selectors.EventRead, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { sel.Wakeup() })()
	fmt.Printf("listening on %v for %v\n", listener.Addr(), target)

	p := &proxy{sel: sel, listener: key.FD, scratch: make([]byte, 64<<10)}
	p.to, p.family = sockaddr(target)
	info, err := os.Stdout.Stat()
	live := err == nil && info.Mode()&os.ModeCharDevice != 0
	if err := p.run(ctx, live); err != nil {
		log.Fatal(err)
	}
}
