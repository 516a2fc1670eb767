// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Package selectors tells which of many descriptors are ready, by epoll,
// kqueue, /dev/poll, AFD polling on Windows, poll or select. It is the selectors
// module of Python for Go: a program written for that ports line by line.
//
// A selector has a key for each registered descriptor. The key holds the file
// object, the events it is watched for, and data of the caller's. Select
// waits until at least one is ready and returns all that are:
//
//	sel, err := selectors.NewDefaultSelector()
//	if err != nil {
//		return err
//	}
//	defer sel.Close()
//	if _, err := sel.Register(listener, selectors.EventRead, callback(accept)); err != nil {
//		return err
//	}
//	for {
//		ready, err := sel.Select(selectors.Forever)
//		if err != nil {
//			return err
//		}
//		for _, r := range ready {
//			r.Key.Data.(callback)(r.Key.FileObj, r.Events)
//		}
//	}
//
// [NewDefaultSelector] takes the most efficient selector that works on the
// running system. The others are there by name, each on the systems that have
// it: EpollSelector, KqueueSelector, DevpollSelector, IOCPSelector,
// PollSelector and SelectSelector. All behave alike; what a system can't do
// is written below and at its type.
//
// For most servers a goroutine for each connection is the simpler way: the Go
// runtime waits by the same system calls. A selector is for descriptors that
// the runtime can't wait for, for very many connections that are mostly idle,
// for order among events, and for programs ported from Python or C.
//
// # Levels and hang-ups
//
// Readiness is a level, not an edge: a descriptor that is still ready is
// reported by the next Select again. So a loop may read a part of what there
// is, and should ask for [EventWrite] only while it has something to write.
//
// Each ready descriptor is returned once, with all its events in one mask, and
// never with one that was not asked for. A hang-up or an error has no event of
// its own: it shows as every event asked for, and the following read or write
// finds out. A peer that has only shut down its writing side shows as
// [EventRead]: the read returns 0 bytes.
//
// SelectSelector knows of hang-ups only by the three lists that select(2)
// keeps. There a hung-up descriptor shows as readable, as writable where the
// kernel says so, and may not show at all when it was registered without
// EventRead. Nor may it show on kqueue and /dev/poll when it was registered for
// [EventPriority] alone.
//
// EventPriority is for exceptional conditions, such as urgent data of a TCP
// connection. Linux's pressure-stall triggers and /proc/self/mounts are
// reported by it once for each event, not by level. Its own documentation says
// how to open such files, and which selectors refuse it.
//
// # File objects
//
// A file object is a value of any integer type that holds a descriptor (on
// Windows a socket handle), a [syscall.Conn] ([net.Conn], [net.Listener],
// [net.PacketConn] and [*os.File] are), or anything with a method Fd() uintptr,
// such as an EpollSelector or a KqueueSelector: selectors can be nested.
//
// The descriptor is taken once, by Register. It is never duplicated, never put
// into another mode and never closed, and the key keeps the object alive, so
// that no finalizer closes it. Methods that look for a key find it by the
// object's descriptor, or by the object itself once it is closed.
//
// Beware of two methods that look helpful. [os.File.Fd] puts the file into
// blocking mode, for all who share it: register the *os.File itself. And
// [net.TCPConn.File] returns a duplicate, which is another descriptor:
// register the connection itself.
//
// The runtime watches net.Conn and *os.File as well, which does no harm. Their
// methods block the goroutine where the system call would not be done at once:
// a Read or Accept of what is ready returns immediately, but a Write of more
// than fits into the socket's buffer waits, and the loop with it. Deadlines put an
// end to that, and so does a system call on the descriptor itself, which is in
// non-blocking mode, in [syscall.RawConn.Write] with a function that returns
// true. A descriptor of your own (unix.Socket, unix.Open) is put into
// non-blocking mode by unix.SetNonblock.
//
// Unregister before closing. A descriptor that is closed while registered harms
// nobody else, and its key stays until Unregister is called, by the object or
// by the number; but the number may be given out again meanwhile, and nothing
// is promised about the events of its next owner under the old key.
//
// # Timeouts
//
// Select waits at least as long as it is told to: coarser clocks round up. Zero
// and negative timeouts look and don't block. [Forever] blocks. With nothing
// registered it waits all the same, unlike select on Windows. A signal doesn't
// end a wait. SelectContext waits until a context is done.
//
// # Concurrency
//
// Every method may be called from any goroutine at any time, also while others
// are in Select. Register, Modify and Unregister don't wait for a blocked
// Select, and take effect in it at once. Several goroutines may wait on one
// selector: what is ready is reported to at least one of them, and perhaps
// to more, so they need an agreement about who reads.
//
// Once Unregister has returned, no Select that starts later reports the key. A
// Select that is under way still may.
//
// Wakeup ends a wait, to make the loop look at something that is no descriptor:
// a channel, a flag, a signal from [os/signal]. With nobody waiting, the next
// wait takes it. Close ends all waits with [ErrClosed].
//
// A blocked Select takes a thread, as any system call does, and lets other
// goroutines run.
//
// # Errors
//
// The errors are tested for by [errors.Is]: [ErrInvalidEvents],
// [ErrInvalidFileObj], [ErrRegistered], [ErrNotRegistered], [ErrClosed],
// [errors.ErrUnsupported] for an EventPriority that can't be had. What the system
// refuses is an [*os.SyscallError] around its error number. They are checked in
// the order: closed, events, file object, registration, system. A Register that
// fails leaves nothing behind. A Modify that the system refuses leaves the
// descriptor unregistered; all other failures of Modify change nothing.
//
// # Systems
//
//   - Linux, Android: EpollSelector, PollSelector, SelectSelector. Epoll refuses
//     regular files, directories, /dev/null and /dev/zero with EPERM; poll and
//     select call them always ready.
//   - macOS, iOS, FreeBSD, NetBSD, OpenBSD, DragonFly: KqueueSelector,
//     PollSelector, SelectSelector. Kqueue refuses EventPriority on FreeBSD
//     and NetBSD, and elsewhere for what is not a socket. Urgent data counts
//     there until ordinary data beyond its mark was read. On macOS poll and
//     kqueue fail for some devices (/dev/tty), which select takes.
//   - Solaris, illumos: DevpollSelector, PollSelector, SelectSelector. A
//     /dev/poll handle can't be registered in another selector.
//   - AIX: PollSelector, SelectSelector.
//   - Windows: IOCPSelector, SelectSelector. Only sockets can be registered; all
//     else, consoles and pipes too, is refused with WSAENOTSOCK.
//   - Elsewhere (plan9, js, wasip1) the package compiles, and NewDefaultSelector
//     returns an error that matches errors.ErrUnsupported.
//
// A SelectSelector on unix takes descriptors below FD_SETSIZE only (1024 on most
// systems) and refuses others with EINVAL.
package selectors
