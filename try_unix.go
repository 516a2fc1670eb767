// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// A direction is how to read, or how to write. Each function makes one call of
// the system.
type direction struct {
	events     EventMask
	other      int // the access mode that allows the other direction alone
	name       string
	call       func(fd int, p []byte) (int, error) // blocks if the descriptor is in blocking mode
	callNow    func(fd int, p []byte) (int, error) // never blocks; nil or EOPNOTSUPP where it can't be had
	socketName string
	socket     func(fd int, p []byte) (int, error) // never blocks, and serves sockets alone
}

var (
	reading = direction{EventRead, unix.O_WRONLY, "read", unix.Read, readNow, "recvfrom", recvNow}
	writing = direction{EventWrite, unix.O_RDONLY, "write", unix.Write, writeNow, "sendto", sendNow}
)

func tryRead(fd int, p []byte, isFile bool) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := reading.try(fd, p, isFile)
	if n == 0 && err == nil {
		err = ended(fd)
	}
	return n, err
}

func tryWrite(fd int, p []byte, isFile bool) (int, error) {
	return writing.try(fd, p, isFile)
}

// try takes a descriptor for a socket first, unless it is an *os.File's.
func (d *direction) try(fd int, p []byte, isFile bool) (n int, err error) {
	const most = 1 << 30 // some systems refuse 2 GB; no datagram is as long
	p = p[:min(len(p), most)]
	name := d.socketName
	err = unix.ENOTSOCK
	if !isFile {
		n, err = repeat(d.socket, fd, p)
	}
	if err == unix.ENOTSOCK {
		name = d.name
		n, err = d.file(fd, p, isFile)
	}
	switch {
	case err == nil:
		return n, nil
	case err == unix.EAGAIN:
		return 0, ErrWouldBlock
	case err == unix.EIO && d == &reading && tells(unix.PollFd{Fd: int32(fd), Events: unix.POLLHUP}):
		return 0, io.EOF // a terminal
	}
	return 0, os.NewSyscallError(name, err)
}

// file serves what is no socket. It may be one that came as an *os.File.
func (d *direction) file(fd int, p []byte, isFile bool) (int, error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	mode := flags & unix.O_ACCMODE
	switch {
	case err != nil:
		return 0, err
	case mode == d.other:
		return 0, unix.EBADF // poll would call it not ready
	case flags&unix.O_NONBLOCK != 0:
		// A socket is open for both, and write(2) would raise SIGPIPE there.
		if isFile && d == &writing && mode == unix.O_RDWR {
			if n, err := repeat(d.socket, fd, p); err != unix.ENOTSOCK {
				return n, err
			}
		}
		return repeat(d.call, fd, p)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err == unix.ENOENT {
		st.Mode = unix.S_IFCHR // on NetBSD a terminal whose master is closed (ptyfs_getattr)
	} else if err != nil {
		return 0, err
	}
	kind := uint32(st.Mode) & unix.S_IFMT
	switch {
	case kind == unix.S_IFSOCK:
		return repeat(d.socket, fd, p)
	case kind == unix.S_IFREG, kind == unix.S_IFBLK, kind == unix.S_IFDIR, len(p) == 0:
		// It doesn't wait for anybody. poll isn't asked, since it takes away what
		// is told once (the change of /proc/self/mounts).
		return repeat(d.call, fd, p)
	}
	if d.callNow != nil && (kind != unix.S_IFCHR || nowServesDevices) {
		if n, err := repeat(d.callNow, fd, p); err != unix.EOPNOTSUPP {
			return n, err
		}
	}
	if !isReady(fd, d.events) && !refuses(fd, d.events) {
		return 0, unix.EAGAIN
	}
	if kind == unix.S_IFIFO && d == &writing {
		p = p[:min(len(p), pipeBuf)] // for as much poll has found room
	}
	return repeat(d.call, fd, p)
}

// ended returns what a read of 0 bytes stands for: io.EOF, ErrWouldBlock, or nil
// for an empty message.
func ended(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	switch {
	case err != nil:
		// A terminal that waits for no byte (VMIN 0) says so when it has nothing, one
		// that hands out lines at Ctrl-D, and on the BSDs any that hung up.
		t, err := unix.IoctlGetTermios(fd, termiosGet)
		if err == nil && t.Lflag&unix.ICANON == 0 && !tells(unix.PollFd{Fd: int32(fd), Events: unix.POLLHUP}) {
			return ErrWouldBlock
		}
	case kind == unix.SOCK_SEQPACKET && pollPacketsEnd != 0:
		if !tells(unix.PollFd{Fd: int32(fd), Events: pollPacketsEnd}) {
			return nil
		}
	case kind != unix.SOCK_STREAM && kind != unix.SOCK_SEQPACKET:
		return nil
	}
	return io.EOF
}

func tryAccept(l net.Listener) (net.Conn, error) {
	_, _, raw, err := resolve(l)
	if err == nil && raw == nil {
		err = fmt.Errorf("%w: no SyscallConn method", ErrInvalidFileObj)
	}
	if err != nil {
		return nil, err
	}
	foreign := true
	switch l.(type) {
	case *net.TCPListener, *net.UnixListener:
		foreign = false
	}
	for {
		fd, refused := -1, errNoDescriptor
		err := raw.Control(func(listener uintptr) {
			if fd, refused = unsigned(uint64(listener)); refused == nil {
				fd, refused = acceptNow(fd, foreign)
			}
		})
		if err != nil {
			return nil, unavailable(raw, err)
		}
		if refused != nil {
			return nil, refused
		}
		if c, err := connection(fd); c != nil || err != nil {
			return c, err
		}
	}
}

// acceptNow asks poll first. It passes over what accept(2) says of a client that
// has left.
func acceptNow(listener int, foreign bool) (int, error) {
	if foreign {
		own, err := unix.Getsockname(listener)
		switch own.(type) {
		case *unix.SockaddrInet4, *unix.SockaddrInet6, *unix.SockaddrUnix:
		default:
			if err == nil {
				err = unix.EAFNOSUPPORT // package net has no connection for it
			}
			return -1, os.NewSyscallError("getsockname", err)
		}
	}
	for pollReady(listener, EventRead) {
		fd, name, err := acceptOne(listener)
		switch err {
		case nil:
			return fd, nil
		case unix.EAGAIN:
			return -1, ErrWouldBlock
		case unix.EINTR, unix.ECONNABORTED, unix.EPROTO:
		default:
			return -1, os.NewSyscallError(name, err)
		}
	}
	return -1, ErrWouldBlock
}

// connection makes an accepted descriptor a net.Conn. It returns neither that nor
// an error if the client has left meanwhile. The BSDs and macOS say that of a unix
// client that has closed as well, and keep what it has written (unp_disconnect).
func connection(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		if _, gone := unix.Getpeername(fd); gone == unix.ENOTCONN || gone == unix.EINVAL {
			return nil, nil
		}
		return nil, err
	}
	if _, ok := c.(*net.TCPConn); ok && c.RemoteAddr() == nil {
		c.Close()
		return nil, nil
	}
	return c, nil
}
