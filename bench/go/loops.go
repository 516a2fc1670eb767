// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package main

import (
	"time"

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

	// poll waits until something is ready or the timeout is over, and calls
	// handle for each.
	poll(timeout time.Duration)
}

// A sharer is a loop whose set several goroutines can wait on.
type sharer interface {
	loop

	// share returns a loop over the same set, for one more goroutine.
	share() loop
}

var loops = map[string]func(handle func(*conn)) loop{
	"selectors":     newSelectorLoop,
	"selectors-try": newSelectorLoop,
	"go-slice":      func(handle func(*conn)) loop { return &sliceLoop{epoll: newEpoll(handle)} },
	"go-map":        func(handle func(*conn)) loop { return &mapLoop{newEpoll(handle), map[int]*conn{}} },
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

func (l *selectorLoop) poll(timeout time.Duration) {
	var err error
	l.ready, err = l.s.AppendReady(l.ready[:0], timeout)
	measure.Check(err)
	for i := range l.ready {
		l.handle(l.ready[i].Key.Data.(*conn))
	}
}

func (l *selectorLoop) share() loop { return &selectorLoop{s: l.s, handle: l.handle} }

// An epoll is what the hand-written loops have in common.
type epoll struct {
	fd     int
	events []unix.EpollEvent
	handle func(*conn)
}

func newEpoll(handle func(*conn)) epoll {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	measure.Check(err)
	return epoll{fd, make([]unix.EpollEvent, 1024), handle}
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
	if events&selectors.EventHangup != 0 {
		interest |= unix.EPOLLRDHUP
	}
	if events&selectors.EventOnce != 0 {
		interest |= unix.EPOLLONESHOT
	}
	l.control(unix.EPOLL_CTL_MOD, c.fd, interest)
}

func (l *epoll) wait(timeout time.Duration) []unix.EpollEvent {
	ms := -1
	if timeout != selectors.Forever {
		ms = int(timeout.Milliseconds())
	}
	for {
		n, err := unix.EpollWait(l.fd, l.events, ms)
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

func (l *sliceLoop) poll(timeout time.Duration) {
	events := l.wait(timeout)
	for i := range events {
		l.handle(l.conns[events[i].Fd])
	}
}

// share has room for the descriptors that were there once.
func (l *sliceLoop) share() loop {
	return &sliceLoop{epoll{l.fd, make([]unix.EpollEvent, 1024), l.handle}, l.conns}
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

func (l *mapLoop) poll(timeout time.Duration) {
	events := l.wait(timeout)
	for i := range events {
		l.handle(l.conns[int(events[i].Fd)])
	}
}
