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
// running system. Each one has a constructor of its own as well, on the systems
// that have it: EpollSelector, KqueueSelector, DevpollSelector, IOCPSelector,
// PollSelector and SelectSelector. All behave alike. What a system can't do is
// written below, and in the documentation of its type.
//
// [TryRead], [TryWrite] and [TryAccept] read, write and accept without blocking.
// They take the same objects, and need no selector.
//
// In this documentation unix is the package golang.org/x/sys/unix, and windows is
// golang.org/x/sys/windows.
//
// For most servers a goroutine for each connection is the simpler way: the Go
// runtime waits by the same system calls. A selector is for descriptors that
// the runtime can't wait for, for very many connections that are mostly idle,
// for order among events, and for programs ported from Python or C.
//
// # Levels and hang-ups
//
// Readiness is a level, not an edge: the next Select reports a descriptor again
// if it is still ready. So a loop may read a part of what there is. It should ask
// for [EventWrite] only while it has something to write.
//
// Each ready descriptor is returned once, with all its events in one mask. The
// mask has no event that was not asked for. A hang-up or an error shows as every
// event that was asked for, and the following read or write finds out. A peer
// that has only shut down its writing side shows as [EventRead]: the read returns
// 0 bytes. [EventHangup] tells that apart from data, and tells it while reading is
// paused.
//
// SelectSelector knows of hang-ups only by the three lists of select(2). There a
// descriptor that hung up shows as readable, and as writable if the kernel says
// so. It may not show if it was registered without EventRead. On kqueue and
// /dev/poll a hang-up may not show to who asked for [EventPriority] alone.
//
// EventPriority is for exceptional conditions, such as urgent data of a TCP
// connection. Linux's pressure-stall triggers and /proc/self/mounts are reported
// once for each event, not by level. The documentation of EventPriority says how
// to open such files, and which selectors refuse it.
//
// # File objects
//
// A file object is one of these:
//
//   - a value of any integer type that holds a descriptor (on Windows a socket
//     handle), such as a pidfd of [os.Process.WithHandle],
//   - a [syscall.Conn]: what package net gives for a [net.Conn], [net.Listener]
//     or [net.PacketConn], and [*os.File], the pipes of an [os/exec.Cmd] among them,
//   - anything with a method Fd() uintptr, such as an EpollSelector or a
//     KqueueSelector: selectors can be nested.
//
// A type of your own gets a SyscallConn method. To embed a net.Conn is not enough:
// that interface has none. A [crypto/tls.Conn] has none either, since it reads
// ahead: what it holds back can't be seen from outside.
//
// Register takes the descriptor once. A selector never duplicates it, never puts it
// into another mode and never closes it. The key keeps the object alive, so that
// nothing closes it unseen. A key is found by the object's descriptor, or by the
// object itself once that is closed.
//
// Read, Write and Accept of these objects block the goroutine, and the loop with
// it, where nothing can be done at once. [TryRead], [TryWrite] and [TryAccept]
// don't: they return [ErrWouldBlock]. No mode has to be set for them.
//
// Beware of two methods that look helpful. [os.File.Fd] puts the file into
// blocking mode, for all who share it: register the *os.File itself. And
// [net.TCPConn.File] returns a duplicate, which is another descriptor: register
// the connection itself.
//
// Unregister before you close. A descriptor that is closed while it is registered
// harms nobody else, and its key stays until Unregister is called, by the object or
// by the number. But the number may be given out again meanwhile, and nothing is
// promised about events of its next owner under the old key.
//
// # Timeouts
//
// Select waits at least as long as it is told to, also where the system's clock
// is coarse. With a timeout of zero or less it looks and doesn't block. With
// [Forever] it blocks until something is ready. With nothing registered it waits
// all the same. A signal doesn't end a wait. SelectContext waits until a context is
// done: for a timeout as well, give it the context of [context.WithTimeout]. For
// Ctrl-C, give it that of [os/signal.NotifyContext].
//
// # Concurrency
//
// Every method may be called from any goroutine at any time, also while others
// are in Select. Register, Modify and Unregister don't wait for a blocked
// Select, and they take effect in it at once. Several goroutines may wait on one
// selector. What is ready is reported to at least one of them, perhaps to more.
// TryRead, TryWrite and TryAccept don't block where another one was quicker.
//
// Once Unregister has returned, no Select that starts later reports the key. A
// Select that is under way still may.
//
// Wakeup ends a wait, so that the loop looks at something that is no descriptor:
// a channel, a flag, a signal from [os/signal]. If nobody waits, the next wait
// returns at once. Close ends all waits with [ErrClosed].
//
// What Select returns is a snapshot. A loop that unregisters or modifies one key
// while it handles another one asks GetKey whether a key is still the same.
//
// A blocked Select takes a thread, as any system call does. Other goroutines run
// meanwhile.
//
// # Errors
//
// Test for the errors by [errors.Is]: [ErrInvalidEvents], [ErrInvalidFileObj],
// [ErrRegistered], [ErrNotRegistered], [ErrClosed], [ErrWouldBlock], and
// [errors.ErrUnsupported] for EventPriority or EventHangup on a selector that
// can't tell. If the system refuses something, the error is an
// [*os.SyscallError] around its error number. They are checked in this order:
// closed, events, file object, registration, system. A Register that fails leaves
// nothing behind. A Modify that the system refuses leaves the descriptor
// unregistered. All other failures of Modify change nothing.
//
// # Systems
//
//   - Linux, Android: EpollSelector, PollSelector, SelectSelector. Epoll refuses
//     regular files, directories, /dev/null and /dev/zero with EPERM. For poll
//     and select these are always ready.
//   - macOS, iOS, FreeBSD, NetBSD, OpenBSD, DragonFly: KqueueSelector,
//     PollSelector, SelectSelector. Kqueue refuses EventPriority on FreeBSD
//     and NetBSD, and elsewhere for what is not a socket. Urgent data counts
//     there until ordinary data beyond its mark was read. On macOS poll and
//     kqueue refuse FIFOs and some devices (/dev/tty), which select takes.
//   - Solaris, illumos: DevpollSelector, PollSelector, SelectSelector. A
//     /dev/poll handle can't be registered in another selector.
//   - AIX: PollSelector, SelectSelector.
//   - Windows: IOCPSelector, SelectSelector. Only sockets can be registered. All
//     else, consoles and pipes too, is refused with WSAENOTSOCK.
//   - Elsewhere (plan9, js, wasip1) the package compiles, and NewDefaultSelector
//     returns an error that matches errors.ErrUnsupported.
//
// A SelectSelector on unix takes descriptors below FD_SETSIZE only (1024 on most
// systems) and refuses others with EINVAL. It can't tell an EventHangup anywhere,
// nor can PollSelector and DevpollSelector where the system has no POLLRDHUP.
package selectors
