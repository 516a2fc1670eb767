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
// The callbacks then accept, read and write by [TryAccept], [TryRead] and
// [TryWrite]. If nothing can be done at once, these return [ErrWouldBlock]. They
// take the same objects, and need no selector.
//
// [NewDefaultSelector] takes the most efficient selector that works on the
// running system. Each one has a constructor of its own as well, on the systems
// that have it: EpollSelector, KqueueSelector, DevpollSelector, IOCPSelector,
// PollSelector and SelectSelector. This page holds for all of them. What a system
// can't do is on the page of [what each system can and can't do].
//
// For most servers a goroutine for each connection is the simpler way: the Go
// runtime waits by the same system calls. A selector is for descriptors that
// the runtime can't wait for, for very many connections that are mostly idle,
// for order among events, and for programs ported from Python or C.
//
// In this documentation unix is the package golang.org/x/sys/unix, and windows is
// golang.org/x/sys/windows.
//
// # Levels and hang-ups
//
// Readiness is a level, not an edge: the next Select reports a descriptor again
// if it is still ready. So a loop may read a part of what there is. It should ask
// for [EventWrite] only while it has something to write.
//
// Each ready descriptor is returned once, with all its events in one mask. The
// mask has no event that was not asked for. A hang-up or an error shows as every
// event that was asked for, and the following read or write finds out. If a peer
// has only shut down its writing side, that shows as [EventRead]: the read returns
// 0 bytes. [EventHangup] tells that apart from data, and tells it while reading is
// paused. If a socket has an error and lives on, that shows as every event that was
// asked for but EventHangup.
//
// SelectSelector knows of hang-ups only by the three lists of select(2). There a
// descriptor that hung up shows as readable, and as writable if the kernel says
// so. It may not show if it was registered without EventRead. If only
// [EventPriority] was asked for, a hang-up may not show on systems other than
// Linux.
//
// EventPriority is for exceptional conditions, such as urgent data of a TCP
// connection. Linux tells some of them once for each event, not by level. The
// documentation of EventPriority says how to open such files, and which selectors
// refuse it.
//
// # One event, one goroutine
//
// With [EventOnce] beside other events a key is returned by one wait, to one
// goroutine, once, with all that is ready then. After that it rests: nothing of it
// is reported, no hang-up either, until Modify arms it again, with the same mask
// too. So several goroutines can wait on one selector, and no two of them handle
// the same connection.
//
// # File objects
//
// A file object is one of these:
//
//   - a value of any integer type that holds a descriptor (on Windows a socket
//     handle),
//   - a [syscall.Conn]: what package net gives for a [net.Conn], [net.Listener]
//     or [net.PacketConn], and [*os.File], the pipes of an [os/exec.Cmd] among them,
//   - anything with a method Fd() uintptr, such as an EpollSelector or a
//     KqueueSelector: selectors can be nested.
//
// Give a type of your own a SyscallConn method. To embed a net.Conn is not enough:
// that interface has none. A [crypto/tls.Conn] has none either, since it reads
// ahead: what it holds back can't be seen from outside.
//
// Register takes the descriptor once. A selector never duplicates it, never puts it
// into another mode and never closes it. The key keeps the object alive, so that
// nothing closes it unseen; a number keeps nothing alive. A key is found by the
// object's descriptor, or by the object itself once that is closed.
//
// A [*SelectorKey] stands for its own registration. Unregister, Modify and GetKey
// take it in the place of the file object. If Modify has replaced the key, or its
// registration has ended, they return [ErrNotRegistered], whatever the number names
// by now.
//
// Read, Write and Accept of these objects block the goroutine, and the loop with
// it, if nothing can be done at once. TryRead and TryWrite never block on a socket,
// nor on anything else that is in non-blocking mode, which is how package os opens
// what it can poll. On anything else, such as standard input and output, they block
// in a few cases, which their documentation names. TryAccept never blocks on a
// listener in non-blocking mode, which is how package net opens it. No mode has to be
// set for them.
//
// Beware of two methods that look helpful. [os.File.Fd] puts the file into
// blocking mode, for all who share it: register the *os.File itself. And
// [net.TCPConn.File] returns a duplicate, which is another descriptor: register
// the connection itself. [os/exec.Cmd] calls Fd for its ExtraFiles.
//
// Unregister before you close. A descriptor that is closed while it is registered
// harms nobody else, and its key stays until Unregister is called, by the key, by
// the object or by the number. But the number may be given out again meanwhile, and
// nothing is promised about events of its next owner under the old key.
//
// # Timeouts
//
// Select waits at least as long as it is told to, also if the system's clock
// is coarse. With a timeout of zero or less it looks and doesn't block. With
// [Forever] it blocks until something is ready. With nothing registered it waits
// all the same. A signal doesn't end a wait.
//
// SelectContext waits until a context is done, such as that of
// [os/signal.NotifyContext] for Ctrl-C. For a timeout together with a context, let
// the context's end be a Wakeup, and wait by Select or AppendReady: see the example
// "Stop" of AppendReady.
//
// In a testing/synctest bubble timeouts are counted by the system's clock, since
// the bubble's stands still beside a system call. Don't share a selector between a
// bubble and the outside.
//
// # Concurrency
//
// Every method may be called from any goroutine at any time, also while others
// are in Select. Register, Modify and Unregister don't wait for a blocked
// Select, and they take effect in it at once. Several goroutines may wait on one
// selector. What is ready is reported to at least one of them, perhaps to more;
// with EventOnce, to one.
//
// Once Unregister has returned, no Select that starts later reports the key. A
// Select that is under way still may.
//
// Wakeup ends all waits that are blocked, so that the loop looks at something that
// is no descriptor: a channel, a flag, a signal from [os/signal]. If nobody waits,
// the next wait returns at once. Close ends all waits with [ErrClosed].
//
// What Select returns is a snapshot. A loop that handles one key may unregister or
// modify another one that is in the same list. Give Unregister and Modify the key
// itself: if it isn't the one any more, they return ErrNotRegistered.
//
// A blocked wait takes a thread. Any number of blocked waits on one selector takes
// one: one goroutine waits in the kernel for all. Other goroutines run meanwhile.
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
//     regular files, directories, /dev/null and /dev/zero with EPERM.
//   - macOS, iOS, FreeBSD, NetBSD, OpenBSD, DragonFly: KqueueSelector,
//     PollSelector, SelectSelector.
//   - Solaris, illumos: DevpollSelector, PollSelector, SelectSelector.
//   - AIX: PollSelector, SelectSelector.
//   - Windows: IOCPSelector, SelectSelector. Only sockets can be registered. All
//     else, such as consoles and pipes, is refused with WSAENOTSOCK. A goroutine
//     that reads and calls Wakeup serves those: see the example "Stdin" of Wakeup.
//   - Elsewhere (plan9, js, wasip1) the package compiles, and NewDefaultSelector
//     returns an error that matches errors.ErrUnsupported.
//
// A SelectSelector on unix takes descriptors below FD_SETSIZE only (1024 on most
// systems) and refuses others with EINVAL.
//
// [what each system can and can't do]: https://github.com/go-selectors/selectors/blob/main/docs/systems.md
package selectors
