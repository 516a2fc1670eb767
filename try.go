// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

// ErrWouldBlock is what [TryRead], [TryWrite] and [TryAccept] return if nothing can
// be done at once. It matches EAGAIN (unix.EAGAIN) as well, on Windows
// windows.WSAEWOULDBLOCK.
var ErrWouldBlock error = wouldBlockError{}

type wouldBlockError struct{}

func (wouldBlockError) Error() string        { return "operation would block" }
func (wouldBlockError) Is(target error) bool { return target == errWouldBlock }

// TryRead reads what there is, without blocking: Python's recv and os.read after
// setblocking(False). It takes what Register takes (on Windows sockets alone),
// needs no selector, and heeds no deadline. Any goroutine may call it. On Windows it
// puts the socket into non-blocking mode, which package net doesn't notice;
// elsewhere it changes no mode.
//
// TryRead returns what one call of the system gives:
//
//   - n > 0 and a nil error;
//   - 0 and [ErrWouldBlock] if there is nothing yet, also for a terminal that
//     says so by a read of 0 bytes (VMIN 0);
//   - 0 and [io.EOF] at the end of a stream, a file or a pipe, and of a terminal
//     that hung up;
//   - a datagram as far as it fits into p. The rest is lost, and nothing tells of
//     it. An empty datagram is 0 and nil. So is an empty message of a SEQPACKET
//     socket on Linux, as long as its peer is there. Other systems don't tell that
//     from the end: it is io.EOF;
//   - 0 and nil if p is empty, without a call of the system.
//
// Other errors are an [*os.SyscallError], such as ECONNRESET, and [ErrInvalidFileObj].
// The error of a closed object matches [net.ErrClosed] or [os.ErrClosed] as well.
//
// It never blocks on a socket, nor on anything else in non-blocking mode: what
// package os opens and can wait for, the pipes of an exec.Cmd. Standard input is
// mostly in blocking mode, and so is what [os.File.Fd] was called of. There
// TryRead uses a call that doesn't block, if the system has one: Linux has it for
// pipes (from 6.4 on), eventfds and the like, DragonFly for everything. Otherwise it
// asks poll(2), and then reads. That read can still block:
//
//   - if somebody else was quicker;
//   - if a terminal waits for more than it has (VMIN above 1 with VTIME).
//
// A file on a disk counts as always ready, however long the disk takes.
//
// It costs one system call for a socket, on Windows two. Anything else costs two in
// non-blocking mode, and three or four in blocking mode; five on Linux for what has
// no call that doesn't block and is neither a file, a terminal nor a device, such
// as a FIFO. A number that is no socket costs one more, since it is tried as a socket
// first. At the end, and for an empty message, two more find out what it was.
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
// TryWrite returns n > 0 and a nil error, also if n is less than len(p). If nothing
// fits it returns 0 and [ErrWouldBlock]. A datagram goes whole or not at all. If p is
// empty it sends an empty datagram, and to a stream nothing. A full unix datagram
// socket is ENOBUFS on the BSDs and macOS, which call it ready for writing even so.
// On FreeBSD 15 a SEQPACKET socket is a stream, since only MSG_EOR ends a message:
// use unix.SendmsgN for that.
//
// If nobody reads any more it returns EPIPE. It raises no SIGPIPE for a socket. For a
// pipe the system may raise it. A Go program notices that only if it has asked for
// SIGPIPE by [os/signal].
//
// It never blocks where TryRead doesn't. Elsewhere it uses a call that doesn't
// block if there is one (on Linux for pipes), or asks poll(2) and then makes one call,
// for a pipe or FIFO of at most PIPE_BUF bytes. That call can still block:
//
//   - if somebody else was quicker;
//   - if a terminal is stopped (Ctrl-S), or has room for less than p;
//   - if a device takes less than p, or an eventfd's count would pass its limit.
//
// It costs as many system calls as TryRead, and one more for an [*os.File] in
// non-blocking mode that is open for reading as well, since that may be a socket.
func TryWrite(fileobj any, p []byte) (n int, err error) {
	raceWrite(p)
	return try("TryWrite", fileobj, p, tryWrite)
}

// TryAccept accepts a connection if there is one, without blocking: Python's
// accept after setblocking(False). If somebody else has taken the connection that a
// selector has told of, it returns [ErrWouldBlock]. It passes over a connection whose
// client has left.
//
// The connection is a *net.TCPConn or *net.UnixConn as Accept returns it, with package
// net's defaults (TCP_NODELAY, keep-alive), since a listener doesn't tell its
// [net.ListenConfig].
// A listener that isn't package net's own is asked by its SyscallConn method, and
// refused if package net doesn't know its family (vsock); no client is taken then.
// The errors are those of [TryRead], such as EMFILE if no descriptor is free: the
// connection stays where it was, unless somebody else takes the last descriptor at
// that moment. On the BSDs and macOS a unix client that has written and closed
// already has no RemoteAddr: it is nil.
//
// It costs one system call if nobody is there, and some twenty for a connection.
//
// It can block if the listener is in blocking mode and another process, or another
// goroutine, is quicker. A listener gets into that mode if its File is given to a
// child by exec.Cmd.ExtraFiles, or its Fd is called. Put it back afterwards:
//
//	raw, err := listener.SyscallConn()
//	raw.Control(func(fd uintptr) { err = syscall.SetNonblock(int(fd), true) })
//
// On Windows it takes *net.TCPListener and *net.UnixListener alone. It sets the
// listener's deadline and clears it, which ends an Accept of another goroutine, and
// may wait for a millisecond if another process was quicker.
func TryAccept(l net.Listener) (net.Conn, error) {
	if !hasSelectors {
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
	do     func(fd int, p []byte, isFile bool) (int, error)
	p      []byte
	isFile bool
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
			a.n, a.err = a.do(a.fd, a.p, a.isFile)
		}
	}
	return a
}}

var errNoDescriptor = fmt.Errorf("%w: its Control gives no descriptor", ErrInvalidFileObj)

// try calls do while the object can't be closed.
func try(call string, fileobj any, p []byte, do func(fd int, p []byte, isFile bool) (int, error)) (n int, err error) {
	if !hasSelectors {
		return 0, errors.ErrUnsupported
	}
	fd, _, raw, bad := resolve(fileobj)
	switch {
	case bad != nil:
	case raw == nil:
		n, err = do(fd, p, false)
	default:
		a := attempts.Get().(*attempt)
		a.do, a.p = do, p
		_, a.isFile = fileobj.(*os.File)
		a.n, a.err, a.bad = 0, nil, errNoDescriptor
		err = raw.Control(a.run)
		if bad = a.bad; err != nil {
			bad = unavailable(raw, err)
		}
		fd, n, err = a.fd, a.n, a.err
		a.do, a.p, a.err = nil, nil, nil
		attempts.Put(a)
	}
	switch {
	case bad != nil:
		return 0, opError(call, fileobj, 0, bad, bad)
	case err == nil, err == ErrWouldBlock, err == io.EOF:
		return n, err // what a program looks for at each call
	}
	return n, opError(call, fileobj, fd, nil, err)
}
