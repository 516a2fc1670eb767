// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package main

import (
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/go-selectors/selectors/bench/measure"
	"golang.org/x/sys/unix"
)

// The partners are the other end of what is measured: processes of their own,
// the same for every peer.
//
//	go pong
//	go echo <port> <pid> <ms> <connections> <outstanding>
//	go memory <port> <pid> <connections>
var partners = map[string]func(args []int){
	"pong":   func([]int) { pong() },
	"echo":   func(a []int) { echo(a[0], a[1], time.Duration(a[2])*time.Millisecond, a[3], a[4]) },
	"memory": func(a []int) { memory(a[0], a[1], a[2]) },
}

// pong sends back each byte that comes in at descriptor 3. The calls block
// the whole process, as they would in C: there is nothing else in it.
func pong() {
	b := []byte{0}
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, 3, uintptr(unsafe.Pointer(&b[0])), 1)
		switch {
		case errno == unix.EINTR:
		case errno != 0 || n == 0:
			return
		default:
			unix.RawSyscall(unix.SYS_WRITE, 3, uintptr(unsafe.Pointer(&b[0])), 1)
		}
	}
}

const message = 64

// echo has some requests outstanding, on connections that take turns. It
// prints requests per second, the server's processor time for each in ns, and
// the 99th percentile of the latency in ns.
func echo(port, pid int, d time.Duration, n, outstanding int) {
	epfd, err := unix.EpollCreate1(0)
	measure.Check(err)
	fds := make([]int, n)
	sent := map[int]time.Time{}
	for i := range fds {
		fds[i] = dial(port)
		measure.Check(unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, fds[i], &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fds[i])}))
	}
	b := make([]byte, message)
	next := 0
	request := func() {
		for {
			fd := fds[next%n]
			next++
			if _, busy := sent[fd]; !busy {
				sent[fd] = time.Now()
				_, err := unix.Write(fd, b)
				measure.Check(err)
				return
			}
		}
	}
	for range outstanding {
		request()
	}
	events := make([]unix.EpollEvent, 1024)
	latencies := make([]time.Duration, 0, 1<<20)
	run := func(d time.Duration) time.Duration {
		latencies = latencies[:0]
		for start := time.Now(); ; {
			ready, err := unix.EpollWait(epfd, events, -1)
			if err == unix.EINTR {
				continue
			}
			measure.Check(err)
			for _, event := range events[:ready] {
				fd := int(event.Fd)
				_, err := unix.Read(fd, b)
				measure.Check(err)
				latencies = append(latencies, time.Since(sent[fd]))
				delete(sent, fd)
				request()
			}
			if spent := time.Since(start); spent >= d {
				return spent
			}
		}
	}
	run(d / 5)
	// The processor-time clock of another process, see clock_getcpuclockid.
	server := int32(^pid<<3 | 2)
	processor := measure.Clock(server)
	wall := run(d)
	processor = measure.Clock(server) - processor
	slices.Sort(latencies)
	count := len(latencies)
	measure.Print([]float64{float64(count) / wall.Seconds(), processor / float64(count), float64(latencies[count*99/100])})
}

// memory prints how many bytes a connection adds to what of the server is
// resident. Each has had one request.
func memory(port, pid, n int) {
	connect := func(n int) {
		b := make([]byte, message)
		for range n {
			fd := dial(port)
			_, err := unix.Write(fd, b)
			measure.Check(err)
			_, err = unix.Read(fd, b)
			measure.Check(err)
		}
	}
	connect(10)
	before := measure.ResidentBytes(strconv.Itoa(pid))
	connect(n)
	measure.Print([]float64{(measure.ResidentBytes(strconv.Itoa(pid)) - before) / float64(n)})
}

func dial(port int) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	measure.Check(err)
	measure.Check(unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}))
	measure.Check(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	return fd
}
