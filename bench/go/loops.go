// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package main

import (
	"unsafe"

	"github.com/go-selectors/selectors"
	"github.com/go-selectors/selectors/bench/measure"
	"golang.org/x/sys/unix"
)

// A conn is what the user's own code keeps for each descriptor.
type conn struct {
	fd, out int
	in, to  any // the same, as TryRead and TryWrite take them
}

// read and write are how the user's own code does it, with one exception.
var (
	read  = func(c *conn, b []byte) (int, error) { return unix.Read(c.fd, b) }
	write = func(c *conn, b []byte) (int, error) { return unix.Write(c.out, b) }
)

// useTry makes them TryRead and TryWrite.
func useTry() {
	read = func(c *conn, b []byte) (int, error) { return selectors.TryRead(c.in, b) }
	write = func(c *conn, b []byte) (int, error) { return selectors.TryWrite(c.to, b) }
}

// A loop is a peer that waits by descriptor. Every method ends the process on
// an error.
type loop interface {
	add(c *conn) // for reading
	modify(c *conn, events selectors.EventMask)
	remove(c *conn)

	// poll waits until something is ready, and calls handle for each.
	poll()
}

var loops = map[string]func(handle func(*conn)) loop{
	"selectors":     newSelectorLoop,
	"selectors-try": newSelectorLoop,
	"go-slice":      func(handle func(*conn)) loop { return &sliceLoop{epoll: newEpoll(handle, false)} },
	"go-map":        func(handle func(*conn)) loop { return &mapLoop{newEpoll(handle, false), map[int]*conn{}} },
	"go-slice-try":  func(handle func(*conn)) loop { return &sliceLoop{epoll: newEpoll(handle, true)} },
	"go-map-try":    func(handle func(*conn)) loop { return &mapLoop{newEpoll(handle, true), map[int]*conn{}} },
}

// A selectorLoop is the package itself.
type selectorLoop struct {
	s      selectors.Selector
	ready  []selectors.Ready
	handle func(*conn)
}

func newSelectorLoop(handle func(*conn)) loop {
	s, err := selectors.NewDefaultSelector()
	measure.Check(err)
	return &selectorLoop{s: s, handle: handle}
}

func (l *selectorLoop) add(c *conn) {
	_, err := l.s.Register(c.fd, selectors.EventRead, c)
	measure.Check(err)
}

func (l *selectorLoop) modify(c *conn, events selectors.EventMask) {
	_, err := l.s.Modify(c.fd, events, c)
	measure.Check(err)
}

func (l *selectorLoop) remove(c *conn) {
	_, err := l.s.Unregister(c.fd)
	measure.Check(err)
}

func (l *selectorLoop) poll() {
	var err error
	l.ready, err = l.s.AppendReady(l.ready[:0], selectors.Forever)
	measure.Check(err)
	for i := range l.ready {
		l.handle(l.ready[i].Key.Data.(*conn))
	}
}

// An epoll is what the hand-written loops have in common.
type epoll struct {
	fd     int
	events []unix.EpollEvent
	try    bool // look without blocking first
	handle func(*conn)
}

func newEpoll(handle func(*conn), try bool) epoll {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	measure.Check(err)
	return epoll{fd, make([]unix.EpollEvent, 1024), try, handle}
}

func (l *epoll) control(op, fd int, events uint32) {
	measure.Check(unix.EpollCtl(l.fd, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}))
}

func (l *epoll) modify(c *conn, events selectors.EventMask) {
	var interest uint32
	if events&selectors.EventRead != 0 {
		interest |= unix.EPOLLIN
	}
	if events&selectors.EventWrite != 0 {
		interest |= unix.EPOLLOUT
	}
	l.control(unix.EPOLL_CTL_MOD, c.fd, interest)
}

func (l *epoll) wait() []unix.EpollEvent {
	if l.try {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.fd),
			uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), 0, 0, 0)
		if errno == 0 && n > 0 {
			return l.events[:n]
		}
	}
	for {
		n, err := unix.EpollWait(l.fd, l.events, -1)
		if err != unix.EINTR {
			measure.Check(err)
			return l.events[:n]
		}
	}
}

// A sliceLoop finds its descriptors in a slice.
type sliceLoop struct {
	epoll
	conns []*conn
}

func (l *sliceLoop) add(c *conn) {
	for len(l.conns) <= c.fd {
		l.conns = append(l.conns, nil)
	}
	l.conns[c.fd] = c
	l.control(unix.EPOLL_CTL_ADD, c.fd, unix.EPOLLIN)
}

func (l *sliceLoop) remove(c *conn) {
	l.control(unix.EPOLL_CTL_DEL, c.fd, 0)
	l.conns[c.fd] = nil
}

func (l *sliceLoop) poll() {
	events := l.wait()
	for i := range events {
		l.handle(l.conns[events[i].Fd])
	}
}

// A mapLoop finds its descriptors in a map.
type mapLoop struct {
	epoll
	conns map[int]*conn
}

func (l *mapLoop) add(c *conn) {
	l.conns[c.fd] = c
	l.control(unix.EPOLL_CTL_ADD, c.fd, unix.EPOLLIN)
}

func (l *mapLoop) remove(c *conn) {
	l.control(unix.EPOLL_CTL_DEL, c.fd, 0)
	delete(l.conns, c.fd)
}

func (l *mapLoop) poll() {
	events := l.wait()
	for i := range events {
		l.handle(l.conns[int(events[i].Fd)])
	}
}
