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
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

func tryRead(fd int, p []byte, _ bool) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	socket := windows.Handle(fd)
	if err := setNonblock(socket); err != nil {
		return 0, err
	}
	var n, flags uint32
	buf := windows.WSABuf{Len: uint32(min(len(p), 1<<30)), Buf: unsafe.SliceData(p)}
	err := windows.WSARecv(socket, &buf, 1, &n, &flags, nil, nil)
	switch {
	case err == windows.WSAEMSGSIZE:
		return int(buf.Len), nil // a datagram that was longer
	case err != nil:
		return 0, socketError("WSARecv", err)
	case n == 0:
		if kind, err := windows.GetsockoptInt(socket, windows.SOL_SOCKET, soType); err != nil || kind == windows.SOCK_STREAM {
			return 0, io.EOF
		}
	}
	return int(n), nil
}

func tryWrite(fd int, p []byte, _ bool) (int, error) {
	socket := windows.Handle(fd)
	if err := setNonblock(socket); err != nil {
		return 0, err
	}
	var n uint32
	// Where there is any room winsock takes, and copies, all that it is given. No
	// datagram is as long as this.
	const most = 1 << 16
	buf := windows.WSABuf{Len: uint32(min(len(p), most)), Buf: unsafe.SliceData(p)}
	if err := windows.WSASend(socket, &buf, 1, &n, 0, nil, nil); err != nil {
		return 0, socketError("WSASend", err)
	}
	return int(n), nil
}

// accepting has the listeners that somebody accepts from by TryAccept: a deadline is
// for all who accept, so each is used by one goroutine at a time. No listener's
// turn is waited for with the lock held.
var accepting = struct {
	sync.Mutex
	turns map[net.Listener]*turn
}{turns: make(map[net.Listener]*turn)}

type turn struct {
	sync.Mutex
	users int // guarded by accepting
}

// takeTurn returns when nobody else uses the listener, and how to end that.
func takeTurn(l net.Listener) (done func()) {
	accepting.Lock()
	t := accepting.turns[l]
	if t == nil {
		t = new(turn)
		accepting.turns[l] = t
	}
	t.users++
	accepting.Unlock()
	t.Lock()
	return func() {
		t.Unlock()
		accepting.Lock()
		if t.users--; t.users == 0 {
			delete(accepting.turns, l)
		}
		accepting.Unlock()
	}
}

// tryAccept asks select whether there is a connection. package net can't be given
// an accepted socket (Wine refuses to take a handle off a completion port), so it
// has to accept itself, which takes a deadline if somebody was quicker. It is
// called of package net's own listeners alone: another one's Accept may be made
// of TryAccept.
func tryAccept(l net.Listener) (net.Conn, error) {
	_, _, raw, err := resolve(l)
	if err != nil {
		return nil, err
	}
	d, _ := l.(interface{ SetDeadline(time.Time) error })
	switch l.(type) {
	case *net.TCPListener, *net.UnixListener:
	default:
		return nil, fmt.Errorf("%w: on Windows only a *net.TCPListener or *net.UnixListener is accepted from; give the one inside", ErrInvalidFileObj)
	}
	defer takeTurn(l)()
	for {
		var ready bool
		refused := errNoDescriptor
		if err := raw.Control(func(fd uintptr) { ready, refused = isReadable(windows.Handle(fd)) }); err != nil {
			return nil, unavailable(raw, err)
		}
		if refused != nil {
			return nil, refused
		}
		if !ready {
			return nil, ErrWouldBlock
		}
		if err := d.SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
			return nil, err
		}
		c, err := l.Accept()
		d.SetDeadline(time.Time{})
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			// Somebody was quicker, or this machine is slow: select knows.
		case errors.Is(err, windows.WSAECONNRESET), errors.Is(err, windows.WSAENOTCONN):
			// The client has left. Wine says it the second way.
		case errors.Is(err, windows.WSAEWOULDBLOCK):
			return nil, ErrWouldBlock
		default:
			return nil, err
		}
	}
}
