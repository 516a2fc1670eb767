// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package docs

import (
	"errors"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors"
)

// serveByEpoll waits for clients until one of them hangs up, and answers nothing
// meanwhile: reading is paused.
func serveByEpoll(fds []int, gone func(fd int)) error {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(epfd)
	for _, fd := range fds {
		event := unix.EpollEvent{Events: unix.EPOLLRDHUP, Fd: int32(fd)}
		if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return err
		}
	}
	events := make([]unix.EpollEvent, 64)
	for left := len(fds); left > 0; {
		n, err := unix.EpollWait(epfd, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			if e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
				continue // HUP and ERR come unasked: a loop that forgets them spins
			}
			unix.EpollCtl(epfd, unix.EPOLL_CTL_DEL, int(e.Fd), nil)
			gone(int(e.Fd))
			left--
		}
	}
	return nil
}

func serveBySelector(conns []net.Conn, gone func(net.Conn)) error {
	sel, err := selectors.NewEpollSelector()
	if err != nil {
		return err
	}
	defer sel.Close()
	for _, conn := range conns {
		if _, err := sel.Register(conn, selectors.EventHangup, nil); err != nil {
			return err
		}
	}
	for sel.GetMap().Len() > 0 {
		ready, err := sel.Select(selectors.Forever)
		if err != nil {
			return err
		}
		for _, r := range ready {
			sel.Unregister(r.Key)
			gone(r.Key.FileObj.(net.Conn))
		}
	}
	return nil
}

func TestHearOfHangUpsWhileReadingIsPaused(t *testing.T) {
	var fds []int
	var conns []net.Conn
	for range 3 {
		client, server := connect(t)
		_, err := io.WriteString(client, "unread")
		noError(t, err)
		client.Close()
		raw, err := server.(*net.TCPConn).SyscallConn()
		noError(t, err)
		raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		conns = append(conns, server)
	}
	n := 0
	noError(t, serveByEpoll(fds, func(int) { n++ }))
	noError(t, serveBySelector(conns, func(net.Conn) { n++ }))
	if n != 6 {
		t.Errorf("%d of 6 hang-ups were heard", n)
	}
}

// A pool of workers, each of which waits itself.

func workByEpoll(epfd int, handle func(fd int)) error {
	events := make([]unix.EpollEvent, 8)
	for {
		n, err := unix.EpollWait(epfd, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			fd := int(e.Fd)
			if fd < 0 {
				return nil // what ends the pool stays ready, for all
			}
			handle(fd)
			e.Events = unix.EPOLLIN | unix.EPOLLONESHOT
			if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_MOD, fd, &e); err != nil {
				return err
			}
		}
	}
}

func workBySelector(sel selectors.Selector, handle func(fileobj any)) error {
	for {
		ready, err := sel.Select(selectors.Forever)
		if err != nil {
			return err // ErrClosed, once somebody has called Close
		}
		for _, r := range ready {
			handle(r.Key.FileObj)
			if _, err := sel.Modify(r.Key, r.Key.Events, r.Key.Data); err != nil {
				return err
			}
		}
	}
}

func TestAPoolOfWorkersGetsEachMessageOnce(t *testing.T) {
	const workers, messages = 4, 100
	for name, begin := range map[string]func(fd int, handle func(fd int)) (work func() error, end func()){
		"epoll": func(fd int, handle func(fd int)) (func() error, func()) {
			epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
			noError(t, err)
			t.Cleanup(func() { unix.Close(epfd) })
			event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(fd)}
			noError(t, unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, fd, &event))
			return func() error { return workByEpoll(epfd, handle) }, func() {
				r, w := pipe(t)
				event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1}
				noError(t, unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, r, &event))
				_, err := unix.Write(w, []byte("x"))
				noError(t, err)
			}
		},
		"selector": func(fd int, handle func(fd int)) (func() error, func()) {
			sel := epoll(t)
			_, err := sel.Register(fd, selectors.EventRead|selectors.EventOnce, nil)
			noError(t, err)
			return func() error {
				err := workBySelector(sel, func(fileobj any) { handle(fileobj.(int)) })
				if errors.Is(err, selectors.ErrClosed) {
					err = nil
				}
				return err
			}, func() { sel.Close() }
		},
	} {
		r, w := pipe(t)
		at, handled := make(chan bool, 1), make(chan bool, messages)
		work, end := begin(r, func(fd int) {
			select {
			case at <- true:
			default:
				t.Errorf("%s: two workers are at it at the same time", name)
				return
			}
			if n, err := selectors.TryRead(fd, make([]byte, 1)); n == 1 {
				handled <- true
			} else if !errors.Is(err, selectors.ErrWouldBlock) {
				t.Errorf("%s: %v", name, err)
			}
			<-at
		})
		ended := make(chan error)
		for range workers {
			go func() { ended <- work() }()
		}
		for range messages {
			_, err := unix.Write(w, []byte("x"))
			noError(t, err)
		}
		for range messages {
			<-handled
		}
		end()
		for range workers {
			noError(t, <-ended)
		}
	}
}

// A changed file of the kernel, by poll and by a selector.

func watchByPoll(fd int, changed func() bool) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
	for {
		_, err := unix.Poll(fds, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if !changed() {
			return nil
		}
	}
}

func watchBySelector(fd int, changed func() bool) error {
	sel, err := selectors.NewPollSelector()
	if err != nil {
		return err
	}
	defer sel.Close()
	if _, err := sel.Register(fd, selectors.EventPriority, nil); err != nil {
		return err
	}
	for {
		if _, err := sel.Select(selectors.Forever); err != nil {
			return err
		}
		if !changed() {
			return nil
		}
	}
}

func TestAnExceptionalConditionByPollAndBySelector(t *testing.T) {
	client, server := connect(t)
	raw, err := client.(*net.TCPConn).SyscallConn()
	noError(t, err)
	raw.Control(func(fd uintptr) { err = unix.Send(int(fd), []byte("!"), unix.MSG_OOB) })
	noError(t, err)
	raw, err = server.(*net.TCPConn).SyscallConn()
	noError(t, err)
	raw.Control(func(fd uintptr) {
		n := 0
		twice := func() bool { n++; return n%2 == 1 }
		err = errors.Join(watchByPoll(int(fd), twice), watchBySelector(int(fd), twice))
		if n != 4 {
			t.Errorf("%d of 4 looks saw it", n)
		}
	})
	noError(t, err)
}
