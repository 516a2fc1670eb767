// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The systems whose pipes go both ways: what is called the read end can be
// written to, and the write end read from.
const situationTwoWayPipes = "freebsd/* openbsd/* dragonfly/*"

// situationUnconnected: only Linux takes a TCP socket that was never connected
// for one that has hung up.
var situationUnconnected = situationRow{
	why: "an unconnected TCP socket is nothing here",
	on:  "darwin/* ios/* freebsd/* netbsd/* openbsd/* dragonfly/* solaris/* illumos/* aix/*",
}

// situationAsleep: FreeBSD's poll wakes who asked for what the end of the pipe or
// terminal can do, and before 13 nobody else (pipe_poll, ptsdev_poll, ttydev_poll).
func situationAsleep(events EventMask) situationRow {
	return situationRow{
		why:    "the kernel doesn't wake who asked for nothing that it has",
		on:     "freebsd/poll",
		want:   situationHungUp,
		asleep: events,
	}
}

// situationAsleepPipe: the same for NetBSD's pipes (pipe_poll).
var situationAsleepPipe = situationRow{
	why:    "the kernel doesn't wake who asked for EventPriority alone",
	on:     "netbsd/poll",
	want:   situationHungUp,
	asleep: EventPriority,
}

// situationAllLists: NetBSD's select takes POLLHUP for whatever was asked for
// (selscan in kern/sys_select.c), and some files say that unasked (pipe_poll,
// fifo_poll, ptspoll).
var situationAllLists = situationRow{
	why:  "it is in all three lists",
	on:   "netbsd/select",
	want: situationRW | EventPriority,
}

// FreeBSD 15 has unix stream and seqpacket sockets of its own
// (uipc_sopoll_stream_or_seqpacket): who waits for urgent data alone is on no
// list.
var situationAsleepUnix = situationRow{
	why:    "who asks for EventPriority alone is never woken",
	on:     "freebsd/poll",
	since:  15,
	want:   situationHungUp,
	asleep: EventPriority,
}

// situationNoFilter: DragonFly's poll is made of kqueue, whose filter for urgent
// data is for sockets alone.
var situationNoFilter = situationRow{
	why:     "who asks for EventPriority alone hears of no hang-up (pipe_kqfilter)",
	on:      "dragonfly/poll",
	want:    situationHungUp &^ EventPriority,
	perhaps: EventPriority,
}

// situationFIFOWays: poll and select of DragonFly and NetBSD don't ask how a FIFO
// was opened.
func situationFIFOWays(want EventMask) situationRow {
	return situationRow{
		why:     "a FIFO's read end has room (fifo_kqfilter, fifo_poll)",
		on:      "dragonfly/poll dragonfly/select netbsd/poll netbsd/select",
		want:    want,
		perhaps: EventWrite,
	}
}

// situationOldFIFO: before NetBSD 10 the filter for writing looks at a FIFO's wrong
// end (fifo_kqfilter).
var situationOldFIFO = situationRow{
	why:     "no filter tells of a FIFO's write end",
	on:      "netbsd/kqueue",
	before:  10,
	refused: unix.EINVAL,
}

// situationNoFIFO: macOS tells of a FIFO's end by select alone.
var situationNoFIFO = situationRow{
	why:     "no filter of kqueue tells of a FIFO's end (filt_vnode_common)",
	on:      "darwin/kqueue darwin/poll ios/kqueue ios/poll",
	refused: unix.EINVAL,
}

func init() {
	if !tellsHangup() {
		situationNoHangup += " */poll */devpoll"
	}
	situations = append(situations, []situation{
		{
			name: "TCP, never connected",
			make: func(t *testing.T) (any, func()) { return situationSocket(t, unix.AF_INET, unix.SOCK_STREAM), nil },
			want: situationHungUp,
			rows: []situationRow{situationUnconnected, situationSelect},
		},
		{
			name: "TCP, connect refused",
			make: func(t *testing.T) (any, func()) {
				// The own port of a connection can't become a listener's. A port that
				// is bound and not listened at would do, but on NetBSD, which
				// drops what comes for it (tcp_input).
				_, b := situationTCP(t)
				sa, err := unix.Getsockname(situationFD(t, b))
				situationOK(t, err)
				a := situationSocket(t, unix.AF_INET, unix.SOCK_STREAM)
				// Or the system might give it that very port: it would connect to itself.
				situationOK(t, unix.Bind(a, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
				err = unix.Connect(a, sa)
				if err == unix.ECONNREFUSED {
					// At once, and told: what is left is a closed socket.
					t.Log("refused at once")
				} else if err != unix.EINPROGRESS {
					t.Fatal(err)
				}
				return a, nil
			},
			want: situationHungUp,
			rows: situationDead,
		},
		{
			name: "TCP, connected without waiting for it",
			make: func(t *testing.T) (any, func()) {
				l := situationListener(t)
				a := situationSocket(t, unix.AF_INET, unix.SOCK_STREAM)
				sa := unix.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
				if err := unix.Connect(a, &sa); err != nil && err != unix.EINPROGRESS {
					t.Fatal(err)
				}
				return a, nil
			},
			want: EventWrite,
		},
		{
			name: "TCP, written to after the peer has closed",
			make: func(t *testing.T) (any, func()) {
				a, b := situationTCP(t)
				return a, func() { situationOK(t, b.Close()); situationWrite(t, a) }
			},
			want: situationHungUp,
			rows: situationDead,
		},
		{
			name: "TCP, reset by the peer and told of it",
			make: func(t *testing.T) (any, func()) {
				a, b := situationTCP(t)
				situationOK(t, b.SetLinger(0))
				return a, func() {
					situationOK(t, b.Close())
					switch _, err := a.Read(make([]byte, 1)); {
					case errors.Is(err, unix.ECONNRESET):
					case err == io.EOF && runtime.GOOS == "dragonfly":
						t.Skip("the reset was told as the end of the data") // seldom
					default:
						t.Fatal(err)
					}
				}
			},
			want: situationHungUp,
			rows: situationDead,
		},
		{
			name: "TCP, the buffers are full of data to read and the peer has reset",
			make: func(t *testing.T) (any, func()) {
				a, b := situationTCP(t)
				situationOK(t, b.SetLinger(0))
				situationFillTCP(t, b)
				return a, func() { situationOK(t, b.Close()) }
			},
			want: situationHungUp,
			rows: situationDead,
		},
		{
			name: "TCP, the send buffer is full",
			make: func(t *testing.T) (any, func()) {
				return situationFull(t), nil
			},
			want: 0,
		},
		{
			name: "TCP, urgent data alone",
			make: func(t *testing.T) (any, func()) {
				a, b := situationTCP(t)
				return a, func() { situationUrgent(t, b) }
			},
			want: EventWrite | EventPriority,
		},
		{
			name: "TCP, ordinary data, then urgent data",
			make: func(t *testing.T) (any, func()) {
				a, b := situationTCP(t)
				return a, func() { situationWrite(t, b); situationUrgent(t, b) }
			},
			want: situationRW | EventPriority,
		},
		{
			name: "TCP, urgent data, then ordinary data",
			make: func(t *testing.T) (any, func()) {
				a, b := situationTCP(t)
				return a, func() { situationUrgent(t, b); situationWrite(t, b) }
			},
			want: situationRW | EventPriority,
		},
		{
			name: "UDP, a datagram was refused",
			make: func(t *testing.T) (any, func()) {
				b := situationSocket(t, unix.AF_INET, unix.SOCK_DGRAM)
				situationOK(t, unix.Bind(b, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
				sa, err := unix.Getsockname(b)
				situationOK(t, err)
				a := situationSocket(t, unix.AF_INET, unix.SOCK_DGRAM)
				situationOK(t, unix.Connect(a, sa))
				situationClose(t, b)()
				return a, func() {
					// b may not be closed yet (DragonFly's soclose), and the BSDs
					// refuse no more than 200 in a second (icmplim).
					eventually("a datagram is refused", func() bool {
						if _, err := unix.Write(a, []byte("x")); err != unix.ECONNREFUSED {
							situationOK(t, err)
						}
						p := []unix.PollFd{newPollFd(a, EventRead)}
						n, _, err := pollWait(p, 100*time.Millisecond)
						situationOK(t, err)
						return n > 0
					})
				}
			},
			want: situationRW | EventPriority, // an error of a socket that lives on
			rows: []situationRow{
				situationSelect,
				{why: "poll has no bit for it but those for reading and writing", on: "darwin/* freebsd/* netbsd/* openbsd/* dragonfly/* solaris/* illumos/*", want: situationRW},
			},
		},

		{
			name: "unix stream pair, nothing happened",
			make: func(t *testing.T) (any, func()) {
				a, _ := situationPair(t, unix.SOCK_STREAM)
				return a, nil
			},
			want: EventWrite,
		},
		{
			name: "unix stream pair, data to read",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_STREAM)
				return a, func() { situationPut(t, b, "x") }
			},
			want: situationRW,
		},
		{
			name: "unix stream pair, the peer has shut its writing side",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_STREAM)
				return a, func() { situationOK(t, unix.Shutdown(b, unix.SHUT_WR)) }
			},
			want: situationHalf,
		},
		{
			name: "unix stream pair, data to read and the peer has shut its writing side",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_STREAM)
				return a, func() { situationPut(t, b, "x"); situationOK(t, unix.Shutdown(b, unix.SHUT_WR)) }
			},
			want: situationHalf,
		},
		{
			name: "unix stream pair, own reading side shut",
			make: func(t *testing.T) (any, func()) {
				a, _ := situationPair(t, unix.SOCK_STREAM)
				return a, func() { situationOK(t, unix.Shutdown(a, unix.SHUT_RD)) }
			},
			want: situationHalf,
		},
		{
			name: "unix stream pair, own writing side shut",
			make: func(t *testing.T) (any, func()) {
				a, _ := situationPair(t, unix.SOCK_STREAM)
				return a, func() { situationOK(t, unix.Shutdown(a, unix.SHUT_WR)) }
			},
			want: EventWrite,
			rows: []situationRow{
				{why: "it is a hang-up for who asks for writing", on: "freebsd/poll", since: 15, want: EventWrite, perhaps: situationHungUp},
				{why: "it is a hang-up for who asks for writing", on: "freebsd/select", since: 15, want: EventWrite, perhaps: EventRead},
				{why: "it is a hang-up for who asks for writing (poll_copyout)", on: "dragonfly/poll", want: EventWrite, perhaps: situationHungUp},
			},
		},
		{
			name: "unix stream pair, both directions shut",
			make: func(t *testing.T) (any, func()) {
				a, _ := situationPair(t, unix.SOCK_STREAM)
				return a, func() { situationOK(t, unix.Shutdown(a, unix.SHUT_RDWR)) }
			},
			want: situationHungUp,
			rows: []situationRow{
				{why: "only who asks for writing hears that both are", on: "freebsd/poll", since: 15, want: situationHalf, perhaps: EventPriority},
				situationNoPollHup,
				situationPriorityAlone,
				situationSelect,
			},
		},
		{
			name: "unix stream pair, the peer has closed",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_STREAM)
				return a, situationClose(t, b)
			},
			want: situationHungUp,
			rows: []situationRow{situationAsleepUnix, situationNoPollHup, situationPriorityAlone, situationSelect},
		},
		{
			name: "unix stream pair, data to read and the peer has closed",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_STREAM)
				shut := situationClose(t, b)
				return a, func() { situationPut(t, b, "x"); shut() }
			},
			want: situationHungUp,
			rows: []situationRow{situationAsleepUnix, situationNoPollHup, situationPriorityAlone, situationSelect},
		},
		{
			name: "unix stream pair, the send buffer is full and the peer has closed",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_STREAM)
				situationFill(t, a)
				return a, situationClose(t, b)
			},
			want: situationHungUp,
			rows: []situationRow{
				// unp_soisdisconnected in uipc_usrreq.c.
				{why: "the close wakes who waits for reading alone", on: "freebsd/poll", since: 15, want: situationHungUp, asleep: EventWrite | EventPriority},
				{why: "the close wakes who waits for reading alone", on: "freebsd/select", since: 15, want: situationRW, asleep: EventWrite | EventPriority},
				situationNoPollHup,
				situationPriorityAlone,
				situationSelect,
			},
		},
		{
			name: "unix stream pair, the send buffer is full",
			make: func(t *testing.T) (any, func()) {
				a, _ := situationPair(t, unix.SOCK_STREAM)
				situationFill(t, a)
				return a, nil
			},
			want: 0,
		},
		{
			name: "unix seqpacket pair, nothing happened",
			make: func(t *testing.T) (any, func()) {
				a, _ := situationPair(t, unix.SOCK_SEQPACKET)
				return a, nil
			},
			want: EventWrite,
		},
		{
			name: "unix seqpacket pair, data to read and the peer has shut its writing side",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_SEQPACKET)
				return a, func() { situationPut(t, b, "x"); situationOK(t, unix.Shutdown(b, unix.SHUT_WR)) }
			},
			want: situationHalf,
		},
		{
			name: "unix seqpacket pair, data to read and the peer has closed",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_SEQPACKET)
				shut := situationClose(t, b)
				return a, func() { situationPut(t, b, "x"); shut() }
			},
			want: situationHungUp,
			rows: []situationRow{situationAsleepUnix, situationNoPollHup, situationPriorityAlone, situationSelect},
		},
		{
			name: "unix datagram pair, nothing happened",
			make: func(t *testing.T) (any, func()) {
				a, _ := situationPair(t, unix.SOCK_DGRAM)
				return a, nil
			},
			want: EventWrite,
		},
		{
			name: "unix datagram pair, a datagram to read",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_DGRAM)
				return a, func() { situationPut(t, b, "x") }
			},
			want: situationRW,
		},
		{
			name: "unix datagram pair, full",
			make: func(t *testing.T) (any, func()) {
				a, _ := situationPair(t, unix.SOCK_DGRAM)
				situationFill(t, a)
				return a, nil
			},
			want: 0,
			rows: []situationRow{{why: "it looks at the sender's empty buffer alone, and a write says ENOBUFS", on: "freebsd/* netbsd/* dragonfly/*", want: EventWrite}},
		},

		{
			name: "pipe's read end, nothing happened",
			make: func(t *testing.T) (any, func()) {
				r, _ := situationPipe(t)
				return r, nil
			},
			want: 0,
			rows: []situationRow{{why: "pipes go both ways", on: situationTwoWayPipes, perhaps: EventWrite}},
		},
		{
			name: "pipe's read end, data to read",
			make: func(t *testing.T) (any, func()) {
				r, w := situationPipe(t)
				return r, func() { situationPut(t, w, "x") }
			},
			want: EventRead,
			rows: []situationRow{{why: "pipes go both ways", on: situationTwoWayPipes, want: EventRead, perhaps: EventWrite}},
		},
		{
			name: "pipe's read end, the writer is gone",
			make: func(t *testing.T) (any, func()) {
				r, w := situationPipe(t)
				return r, situationClose(t, w)
			},
			want: situationHungUp,
			rows: []situationRow{
				situationNoFilter,
				situationAsleep(EventPriority),
				situationAsleepPipe,
				situationAllLists,
				{why: "pipes go both ways", on: "freebsd/select openbsd/select dragonfly/select", want: EventRead, perhaps: EventWrite},
				{why: "select puts it into the list for reading alone", on: "*/select", want: EventRead},
			},
		},
		{
			name: "pipe's read end, data to read and the writer is gone",
			make: func(t *testing.T) (any, func()) {
				r, w := situationPipe(t)
				shut := situationClose(t, w)
				return r, func() { situationPut(t, w, "x"); shut() }
			},
			want: situationHungUp,
			rows: []situationRow{
				situationNoFilter,
				situationAsleep(EventPriority),
				situationAsleepPipe,
				situationAllLists,
				{why: "pipes go both ways", on: "freebsd/select openbsd/select dragonfly/select", want: EventRead, perhaps: EventWrite},
				{why: "select puts it into the list for reading alone", on: "*/select", want: EventRead},
			},
		},
		{
			name: "pipe's write end, nothing happened",
			make: func(t *testing.T) (any, func()) {
				_, w := situationPipe(t)
				return w, nil
			},
			want: EventWrite,
		},
		{
			name: "pipe's write end, full",
			make: func(t *testing.T) (any, func()) {
				_, w := situationPipe(t)
				situationFill(t, w)
				return w, nil
			},
			want: 0,
		},
		{
			name: "pipe's write end, the reader is gone",
			make: func(t *testing.T) (any, func()) {
				r, w := situationPipe(t)
				return w, situationClose(t, r)
			},
			want: situationHungUp,
			rows: []situationRow{
				situationNoFilter,
				situationAsleep(EventPriority),
				situationAsleepPipe,
				situationAllLists,
				{why: "it is in the list for reading alone, until then for writing", on: "dragonfly/select", want: EventRead, perhaps: EventWrite},
				situationSelect,
			},
		},
		{
			name: "pipe's write end, full and the reader is gone",
			make: func(t *testing.T) (any, func()) {
				r, w := situationPipe(t)
				situationFill(t, w)
				return w, situationClose(t, r)
			},
			want: situationHungUp,
			rows: []situationRow{
				situationNoFilter,
				situationAsleep(EventPriority),
				situationAsleepPipe,
				situationAllLists,
				{why: "it is in the list for reading alone, until then for writing", on: "dragonfly/select", want: EventRead, perhaps: EventWrite},
				situationSelect,
			},
		},

		{
			name: "FIFO's read end, nothing happened",
			make: func(t *testing.T) (any, func()) {
				r, _, _ := situationFIFO(t)
				return r, nil
			},
			want: 0,
			rows: []situationRow{situationNoFIFO, situationOldFIFO, situationFIFOWays(0)},
		},
		{
			name: "FIFO's read end, data to read",
			make: func(t *testing.T) (any, func()) {
				r, w, _ := situationFIFO(t)
				return r, func() { situationPut(t, w, "x") }
			},
			want: EventRead,
			rows: []situationRow{situationNoFIFO, situationOldFIFO, situationFIFOWays(EventRead)},
		},
		{
			name: "FIFO's read end, the writer is gone",
			make: func(t *testing.T) (any, func()) {
				r, w, _ := situationFIFO(t)
				return r, situationClose(t, w)
			},
			want: situationHungUp,
			rows: []situationRow{
				situationNoFIFO, situationOldFIFO,
				{why: "a FIFO has no end here (filt_fiforead with NOTE_OLDAPI)", on: "dragonfly/poll dragonfly/select", perhaps: EventWrite},
				situationAsleep(EventWrite | EventPriority),
				situationAllLists,
				{why: "select puts it into the list for reading", on: "freebsd/select", want: EventRead, perhaps: EventWrite},
				{why: "select puts it into the list for reading alone", on: "*/select", want: EventRead},
			},
		},
		{
			name: "FIFO's read end, data to read and the writer is gone",
			make: func(t *testing.T) (any, func()) {
				r, w, _ := situationFIFO(t)
				shut := situationClose(t, w)
				return r, func() { situationPut(t, w, "x"); shut() }
			},
			want: situationHungUp,
			rows: []situationRow{
				situationNoFIFO, situationOldFIFO,
				{why: "a FIFO has no end here (filt_fiforead with NOTE_OLDAPI)", on: "dragonfly/poll dragonfly/select", want: EventRead, perhaps: EventWrite},
				situationAsleep(EventWrite | EventPriority),
				situationAllLists,
				{why: "select puts it into the list for reading", on: "freebsd/select", want: EventRead, perhaps: EventWrite},
				{why: "select puts it into the list for reading alone", on: "*/select", want: EventRead},
			},
		},
		{
			name: "FIFO's read end, the writer was gone and is back",
			make: func(t *testing.T) (any, func()) {
				r, w, name := situationFIFO(t)
				situationClose(t, w)()
				situationOpen(t, name, unix.O_WRONLY)
				return r, nil
			},
			want: 0,
			rows: []situationRow{situationNoFIFO, situationOldFIFO, situationFIFOWays(0)},
		},
		{
			name: "FIFO's write end, nothing happened",
			make: func(t *testing.T) (any, func()) {
				_, w, _ := situationFIFO(t)
				return w, nil
			},
			want: EventWrite,
			rows: []situationRow{situationNoFIFO, situationOldFIFO},
		},
		{
			name: "FIFO's write end, the reader is gone",
			make: func(t *testing.T) (any, func()) {
				r, w, _ := situationFIFO(t)
				return w, situationClose(t, r)
			},
			want: situationHungUp,
			rows: []situationRow{
				situationNoFIFO, situationOldFIFO,
				{why: "a FIFO has no end here but for who writes", on: "dragonfly/poll dragonfly/select", perhaps: situationHungUp},
				{why: "a FIFO has no end here but for who writes (fifo_poll)", on: "netbsd/poll netbsd/select", want: EventWrite},
				situationAsleep(EventRead | EventPriority),
				{why: "select puts it into the list for writing", on: "freebsd/select", want: EventWrite, perhaps: EventRead},
				situationSelect,
			},
		},

		{
			name: "regular file, at its end",
			make: func(t *testing.T) (any, func()) {
				return situationRegular(t), nil
			},
			want: situationRW,
			rows: []situationRow{{why: "epoll takes no regular files", on: "*/epoll", refused: unix.EPERM}},
		},
	}...)
}

// situationFD returns the descriptor of a file, which the file goes on to own.
func situationFD(t *testing.T, c syscall.Conn) (fd int) {
	t.Helper()
	raw, err := c.SyscallConn()
	situationOK(t, err)
	situationOK(t, raw.Control(func(n uintptr) { fd = int(n) }))
	return fd
}

// situationGone has the descriptors that were closed before their test's end.
var situationGone sync.Map

type situationOwned struct {
	t  *testing.T
	fd int
}

// situationOwn closes descriptors when the test ends.
func situationOwn(t *testing.T, fds ...int) {
	t.Helper()
	for _, fd := range fds {
		situationOK(t, unix.SetNonblock(fd, true))
		t.Cleanup(func() {
			if _, gone := situationGone.LoadAndDelete(situationOwned{t, fd}); !gone {
				unix.Close(fd)
			}
		})
	}
}

// situationClose returns what closes a descriptor before the test's end.
func situationClose(t *testing.T, fd int) func() {
	return func() {
		situationGone.Store(situationOwned{t, fd}, true)
		situationOK(t, unix.Close(fd))
	}
}

// situationRegular opens a regular file.
func situationRegular(t *testing.T) int {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	situationOK(t, err)
	t.Cleanup(func() { f.Close() })
	return situationFD(t, f)
}

func situationSocket(t *testing.T, domain, kind int) int {
	t.Helper()
	var s [1]int
	situationOK(t, unshared(s[:], func(s []int) (err error) {
		s[0], err = unix.Socket(domain, kind, 0)
		return err
	}))
	situationOwn(t, s[0])
	return s[0]
}

func situationPair(t *testing.T, kind int) (a, b int) {
	t.Helper()
	var p [2]int
	err := unshared(p[:], func(p []int) error {
		pair, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
		copy(p, pair[:])
		return err
	})
	if kind == unix.SOCK_SEQPACKET && err != nil {
		t.Skipf("the system has no such sockets: %v", err)
	}
	situationOK(t, err)
	situationOwn(t, p[0], p[1])
	return p[0], p[1]
}

func situationPipe(t *testing.T) (r, w int) {
	t.Helper()
	var p [2]int
	situationOK(t, unshared(p[:], unix.Pipe))
	situationOwn(t, p[0], p[1])
	return p[0], p[1]
}

func situationPut(t *testing.T, fd int, data string) {
	t.Helper()
	_, err := unix.Write(fd, []byte(data))
	situationOK(t, err)
}

func situationUrgent(t *testing.T, c *net.TCPConn) {
	t.Helper()
	_, err := unix.SendmsgN(situationFD(t, c), []byte("!"), nil, nil, unix.MSG_OOB)
	situationOK(t, err)
}

// situationFull returns a TCP connection whose send buffer is full. All tests
// have the same, since it takes long to become sure: an acknowledgement can be
// delayed by 100 ms and more.
func situationFull(t *testing.T) *net.TCPConn {
	t.Helper()
	situationFullOnce.Do(func() {
		a, b, err := newPair()
		situationOK(t, err)
		situationOK(t, a.SetWriteBuffer(16<<10))
		situationOK(t, b.SetReadBuffer(16<<10))
		situationFullEnds = [2]*net.TCPConn{a, b}
		for situationFillTCP(t, a) {
			time.Sleep(150 * time.Millisecond)
		}
	})
	if situationFullEnds[1] == nil {
		t.Fatal("there is none")
	}
	situationFill(t, situationFD(t, situationFullEnds[0])) // a later one still
	return situationFullEnds[0]
}

var (
	situationFullOnce sync.Once
	situationFullEnds [2]*net.TCPConn // to the end of the process
)

// situationFill writes until nothing fits any more, and reports whether anything
// did.
func situationFill(t *testing.T, fd int) (written bool) {
	t.Helper()
	block := make([]byte, 1024) // macOS and FreeBSD before 15 take no more than 2,048 as a unix datagram
	for {
		_, err := unix.Write(fd, block)
		if err == unix.EAGAIN {
			_, err = unix.Write(fd, block[:1])
		}
		switch err {
		case nil:
			written = true
		case unix.EAGAIN, unix.ENOBUFS:
			return written
		case unix.EINTR:
		default:
			t.Fatal(err)
		}
	}
}

// situationFillTCP does that also a little later, when what was on its way has
// arrived.
func situationFillTCP(t *testing.T, c *net.TCPConn) (written bool) {
	t.Helper()
	for quiet := 0; quiet < 3; quiet++ {
		if situationFill(t, situationFD(t, c)) {
			quiet, written = 0, true
		}
		time.Sleep(2 * time.Millisecond)
	}
	return written
}

func situationOpen(t *testing.T, name string, mode int) int {
	t.Helper()
	fd, err := unix.Open(name, mode|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	situationOK(t, err)
	situationOwn(t, fd)
	return fd
}

// situationFIFO returns the ends of a FIFO, and its name.
func situationFIFO(t *testing.T) (r, w int, name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "fifo")
	situationOK(t, unix.Mkfifo(name, 0o600))
	r = situationOpen(t, name, unix.O_RDONLY)
	return r, situationOpen(t, name, unix.O_WRONLY), name
}

func init() {
	s, err := NewDefaultSelector()
	if err != nil {
		return
	}
	defer s.Close()
	if !nests(s) {
		return
	}
	situations = append(situations, []situation{
		{
			name: "selector, nothing ready in it",
			make: func(t *testing.T) (any, func()) {
				inner, _ := situationNested(t)
				return inner, nil
			},
			want:      0,
			interests: []EventMask{EventRead},
		},
		{
			name: "selector, something ready in it",
			make: func(t *testing.T) (any, func()) {
				inner, w := situationNested(t)
				return inner, func() { situationPut(t, w, "x") }
			},
			want:      EventRead,
			interests: []EventMask{EventRead},
		},
	}...)
}

// situationNested returns the descriptor of a selector, and what to write to
// so that it has something ready.
func situationNested(t *testing.T) (fd, w int) {
	t.Helper()
	s, err := NewDefaultSelector()
	situationOK(t, err)
	t.Cleanup(func() { s.Close() })
	r, w := situationPipe(t)
	_, err = s.Register(r, EventRead, nil)
	situationOK(t, err)
	return int(s.(interface{ Fd() uintptr }).Fd()), w
}
