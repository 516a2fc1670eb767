// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// ErrWouldBlock is what [TryRead], [TryWrite] and [TryAccept] return where
// nothing can be done at once. It matches EAGAIN (unix.EAGAIN) as well, and on
// Windows windows.WSAEWOULDBLOCK.
var ErrWouldBlock error = wouldBlockError{}

type wouldBlockError struct{}

func (wouldBlockError) Error() string { return "operation would block" }

// TryRead reads what there is, without blocking: Python's recv and os.read after
// setblocking(False). It takes what Register takes (on Windows sockets alone),
// needs no selector, and may be called from any goroutine, whoever else reads,
// whatever deadlines are set, and whatever mode the descriptor is in.
//
// It returns what one call of the system gives: n > 0 and a nil error; 0 and
// [io.EOF] at the end of a stream, a file, a pipe, or of a terminal that hung up;
// a datagram as far as it fits, so 0 and nil for an empty one; 0 and
// [ErrWouldBlock] where there is nothing yet. With an empty p it returns 0 and
// nil, and asks nobody. Other errors are an [*os.SyscallError], such as
// ECONNRESET, and for what gives no descriptor [ErrInvalidFileObj]; a closed
// object's own error ([net.ErrClosed], [os.ErrClosed]) is in that.
//
// It costs one system call for a socket, and on Linux for a pipe; two on Windows;
// for other descriptors up to four more, by which it finds out that the call can't
// block. Only a descriptor that is no socket, is in blocking mode, and is read by
// somebody else at the same moment can still block.
//
// On Windows it puts the socket into non-blocking mode, which package net
// doesn't notice.
func TryRead(fileobj any, p []byte) (n int, err error) {
	n, err = try("TryRead", fileobj, p, tryRead)
	if err == nil || err == io.EOF {
		raceRead(p[:n])
	}
	return n, err
}

// TryWrite writes what fits at once, without blocking: Python's send and
// os.write after setblocking(False). It takes the same objects as [TryRead], and
// has the same errors.
//
// It returns n > 0 and a nil error, also where that is less than len(p); a
// datagram goes whole or not at all. Where nothing fits it returns 0 and
// [ErrWouldBlock]; for a unix datagram socket of the BSDs and macOS that is ENOBUFS,
// and on FreeBSD and DragonFly it is ready for writing even so. Where nobody reads
// any more it returns EPIPE, and raises no SIGPIPE for a socket; for a pipe the
// system may, and Go programs that don't ask for it by [os/signal] notice nothing.
//
// A pipe in blocking mode is written to in pieces of at most PIPE_BUF, a terminal
// byte by byte, each after poll(2) has said that there is room. It can still block if
// somebody else fills it between, or if a terminal is stopped (Ctrl-S), or on FreeBSD
// if a terminal has room for one byte and makes two of a newline.
func TryWrite(fileobj any, p []byte) (n int, err error) {
	raceWrite(p)
	return try("TryWrite", fileobj, p, tryWrite)
}

// TryAccept accepts a connection if there is one, without blocking: Python's
// accept after setblocking(False). It is for servers that share a listener:
// whoever was told by a selector of a connection that somebody else has taken by
// now gets [ErrWouldBlock]. It passes over a connection whose client has left.
//
// The connection is a *net.TCPConn or *net.UnixConn as Accept returns it, with
// package net's defaults: TCP_NODELAY, and keep-alive, also where a
// [net.ListenConfig] asked for something else, which a listener doesn't tell.
// A listener that isn't package net's own is asked by its SyscallConn method.
// The errors are those of [TryRead], such as EMFILE where no descriptor is free;
// then the connection stays where it was, unless somebody else takes the last
// descriptor at that moment. On the BSDs and macOS a unix client that has written
// and closed already has no RemoteAddr: it is nil.
//
// A listener that somebody has put into blocking mode ([os.File.Fd] of what its
// File method returned does that) is asked by poll(2) first; there it can still
// block if somebody else accepts at the same moment.
//
// On Windows it sets the listener's deadline and clears it, which ends an Accept of
// another goroutine, and may wait for a millisecond if somebody else was quicker.
func TryAccept(l net.Listener) (net.Conn, error) {
	if len(constructors) == 0 {
		return nil, errors.ErrUnsupported
	}
	c, err := tryAccept(l)
	switch err {
	case nil, ErrWouldBlock:
		return c, err
	}
	return nil, opError("TryAccept", l, 0, err, err)
}

// An attempt is one call. It is kept for the next one, since the function that
// [syscall.RawConn] wants would be made anew each time.
type attempt struct {
	do     func(fd int, p []byte, socket bool) (int, error)
	p      []byte
	socket bool
	fd, n  int
	err    error
	bad    error // why do was not called
	run    func(fd uintptr)
}

var attempts = sync.Pool{New: func() any {
	a := new(attempt)
	a.run = func(fd uintptr) {
		a.fd, a.bad = unsigned(uint64(fd))
		if a.bad == nil {
			a.n, a.err = a.do(a.fd, a.p, a.socket)
		}
	}
	return a
}}

var errNoDescriptor = fmt.Errorf("%w: its Control gives no descriptor", ErrInvalidFileObj)

// try calls do while the object can't be closed.
func try(call string, fileobj any, p []byte, do func(fd int, p []byte, socket bool) (int, error)) (n int, err error) {
	if len(constructors) == 0 {
		return 0, errors.ErrUnsupported
	}
	fd, _, raw, bad := resolve(fileobj)
	switch {
	case bad != nil:
	case raw == nil:
		n, err = do(fd, p, false)
	default:
		a := attempts.Get().(*attempt)
		a.do, a.p, a.socket = do, p, isSocket(fileobj)
		a.n, a.err, a.bad = 0, nil, errNoDescriptor
		if err := raw.Control(a.run); err != nil {
			bad = unavailable(raw, err)
		} else {
			bad = a.bad
		}
		fd, n, err = a.fd, a.n, a.err
		a.do, a.p, a.err = nil, nil, nil
		attempts.Put(a)
	}
	if bad != nil {
		return 0, opError(call, fileobj, 0, bad, bad)
	}
	switch err {
	case nil, ErrWouldBlock, io.EOF: // what a program looks for at each call
		return n, err
	}
	return n, opError(call, fileobj, fd, nil, err)
}

// isSocket reports whether a file object is known to be a socket.
func isSocket(fileobj any) bool {
	switch fileobj.(type) {
	case *net.TCPConn, net.Conn, net.PacketConn, net.Listener:
		return true
	}
	return false
}
