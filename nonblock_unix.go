// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

func (wouldBlockError) Is(target error) bool { return target == unix.EAGAIN }

// most is how much is read or written at most: some systems refuse 2 GB.
const most = 1 << 30

// tryRead uses what never blocks, whatever mode the descriptor is in: recv for a
// socket, readNow for the rest where the system has it.
func tryRead(fd int, p []byte, socket bool) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(len(p), most)]
	call := "read"
	file := !socket && guessFile(fd)
	err = unix.EOPNOTSUPP
	if file {
		n, err = readNow(fd, p)
	}
	if err == unix.EOPNOTSUPP {
		call = "recvfrom"
		n, err = recvNow(fd, p)
	}
	if err == unix.ENOTSOCK {
		call = "read"
		if err = unix.EOPNOTSUPP; !file {
			n, err = readNow(fd, p)
		}
		noteFile(fd, err != unix.EOPNOTSUPP)
		if err == unix.EOPNOTSUPP {
			n, err = readFile(fd, p)
		}
	} else if file && n == 0 && err != unix.EAGAIN {
		noteFile(fd, false)
	}
	switch {
	case err == unix.EAGAIN:
		return 0, ErrWouldBlock
	case err == unix.EIO && hasHungUp(fd):
		return 0, io.EOF // a terminal
	case err != nil:
		return 0, os.NewSyscallError(call, err)
	case n == 0 && !isDatagram(fd):
		return 0, io.EOF
	}
	return n, nil
}

// readFile reads what is no socket.
func readFile(fd int, p []byte) (n int, err error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return 0, err
	}
	if flags&unix.O_ACCMODE == unix.O_WRONLY {
		return 0, unix.EBADF // poll would call it not ready
	}
	if flags&unix.O_NONBLOCK == 0 {
		if !wontBlock(fd, EventRead) {
			return 0, unix.EAGAIN
		}
		// A terminal may wait for as much as is asked for (VMIN, VTIME).
		if n := queued(fd); n > 0 {
			p = p[:min(n, len(p))]
		}
	}
	for {
		n, err = unix.Read(fd, p)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// pollNow reports whether a read or write won't block, or whether it will fail.
func pollNow(fd int, events EventMask) bool {
	p := [1]unix.PollFd{newPollFd(fd, events)}
	n, _, err := pollWait(p[:], 0)
	return n != 0 || err != nil
}

func hasHungUp(fd int) bool {
	p := [1]unix.PollFd{newPollFd(fd, 0)}
	pollWait(p[:], 0)
	return p[0].Revents&unix.POLLHUP != 0
}

// isDatagram reports whether a read of 0 bytes is an empty message, not the end.
func isDatagram(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind != unix.SOCK_STREAM && kind != unix.SOCK_SEQPACKET
}

// tryWrite is made like tryRead.
func tryWrite(fd int, p []byte, socket bool) (n int, err error) {
	p = p[:min(len(p), most)] // no datagram is as long
	call := "write"
	file := !socket && guessFile(fd)
	err = unix.EOPNOTSUPP
	if file {
		n, err = writeNow(fd, p)
	}
	if err == unix.EOPNOTSUPP {
		call = "sendto"
		n, err = sendNow(fd, p)
	}
	if err == unix.ENOTSOCK {
		call = "write"
		if err = unix.EOPNOTSUPP; !file {
			n, err = writeNow(fd, p)
		}
		noteFile(fd, err != unix.EOPNOTSUPP)
		if err == unix.EOPNOTSUPP {
			n, err = writeFile(fd, p)
		}
	}
	switch err {
	case nil:
		return n, nil
	case unix.EAGAIN:
		return 0, ErrWouldBlock
	}
	return 0, os.NewSyscallError(call, err)
}

// writeFile writes to what is no socket. In blocking mode each piece fits, as
// poll promises for PIPE_BUF.
func writeFile(fd int, p []byte) (n int, err error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return 0, err
	}
	if flags&unix.O_ACCMODE == unix.O_RDONLY {
		return 0, unix.EBADF
	}
	size := len(p)
	blocking := flags&unix.O_NONBLOCK == 0
	if blocking {
		size = pipeBuf
		if _, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
			size = 1 // a pseudoterminal may have no room for more
		}
	}
	for {
		if blocking && len(p) > 0 && !wontBlock(fd, EventWrite) {
			err = unix.EAGAIN
			break
		}
		piece := p[n:min(n+size, len(p))]
		var m int
		for {
			m, err = unix.Write(fd, piece)
			if err != unix.EINTR {
				break
			}
		}
		if err != nil {
			break
		}
		n += m
		if m < len(piece) || n == len(p) {
			break
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// tryAccept takes a descriptor into reserve first, which net.FileConn then gets
// for its duplicate: where none is free the client stays in the queue.
func tryAccept(l net.Listener) (net.Conn, error) {
	_, _, raw, err := resolve(l)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, ErrInvalidFileObj
	}
	for {
		fd, reserve := -1, -1
		var refused error
		err := raw.Control(func(listener uintptr) {
			if reserve, refused = duplicate(int(listener), 0); refused == nil {
				fd, refused = acceptNow(int(listener))
			}
		})
		if reserve >= 0 {
			unix.Close(reserve)
		}
		switch {
		case err != nil:
			return nil, unavailable(raw, err)
		case refused != nil:
			return nil, refused
		}
		c, err := connection(fd)
		if c != nil || err != nil {
			return c, err
		}
	}
}

// blockingListeners keeps the goroutines of this process from taking a client away
// from each other, where accept would then block.
var blockingListeners sync.Mutex

// acceptNow accepts without blocking. It passes over what accept(2) says of a
// client that has left.
func acceptNow(listener int) (int, error) {
	flags, err := unix.FcntlInt(uintptr(listener), unix.F_GETFL, 0)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	blocking := flags&unix.O_NONBLOCK == 0
	if blocking {
		blockingListeners.Lock()
		defer blockingListeners.Unlock()
	}
	for {
		if blocking && !pollNow(listener, EventRead) {
			return -1, ErrWouldBlock
		}
		fd, err := acceptOne(listener)
		switch err {
		case nil:
			return fd, nil
		case unix.EAGAIN:
			return -1, ErrWouldBlock
		case unix.EINTR, unix.ECONNABORTED, unix.EPROTO:
		default:
			return -1, os.NewSyscallError("accept", err)
		}
	}
}

// connection makes an accepted descriptor a net.Conn. It returns neither that nor
// an error if the client has left meanwhile.
func connection(fd int) (net.Conn, error) {
	if _, err := unix.Getpeername(fd); err == unix.ENOTCONN || err == unix.EINVAL {
		// The BSDs say so of a unix client that has only closed as well
		// (unp_disconnect), and keep what it wrote before.
		own, _ := unix.Getsockname(fd)
		if _, ok := own.(*unix.SockaddrUnix); !ok {
			unix.Close(fd)
			return nil, nil
		}
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil && pollNow(fd, 0) {
		return nil, nil
	}
	return c, err
}
