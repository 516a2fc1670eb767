// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"encoding/binary"
	"math"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What unixes share. What is particular to one is in its own file, system_linux.go and so
// on. Each of them answers these names:
//
//   - constructors: what NewDefaultSelector tries, the best one first.
//   - endsEarly: a wait can end before its time, up to a tick, if something was ready for
//     a moment meanwhile. clockMonotonic: the clock to ask then, by clockGettime, which is
//     no variable, or each call would allocate.
//   - pollRDHUP: poll's bit for a peer that sends nothing more, 0 if there is none.
//     asksRDHUP: not every version has it. socketsRDHUP: of what is no socket the bit makes
//     POLLNVAL. pollStops: poll stops at a descriptor that it can't poll, and looks at no
//     other. pollRefuses: there are files that it can't wait for. pollPacketsEnd: what poll
//     shows at the end of a SEQPACKET socket.
//   - fcntlDup: duplicates a descriptor, closed on exec. oPath: marks one that only names a
//     file, where the system doesn't refuse to wait for it by itself.
//   - sockCloexec, pipeBuf, msgDontwait, termiosGet: SOCK_CLOEXEC, PIPE_BUF, MSG_DONTWAIT, and
//     TCGETS, as far as there is such.
//   - eventfd, pipe2, accept4: nil if there is none.
//   - recvNow, sendNow: for a socket, without blocking. readNow, writeNow: for anything else
//     in blocking mode, without blocking, nil if there is no such call. nowServesDevices: they
//     do for devices as well. isReady: tells whether a call would block. refuses: reports
//     whether a call fails at once, always.
//
// Those that have kqueue also answer:
//
//   - userFilter, noteTrigger, exceptFilter, noteOOB: EVFILT_USER, NOTE_TRIGGER,
//     EVFILT_EXCEPT, NOTE_OOB, 0 if there is none.
//   - deafPipes: how a pipe's write end is opened whose filter for writing isn't told that
//     the reader goes while the pipe is full; the one for reading is. -1 if it is told.
//   - devicesEnd, fifosEnd: the filters of terminals, of FIFOs tell of their end.
//   - deafToClose: reports whether a socket's filter for writing isn't told that the peer
//     closes.

const (
	hasSelectors  = true
	errWouldBlock = unix.EAGAIN
)

// recvMsg and sendMsg are recvNow and sendNow by what x/sys has for every unix.
func recvMsg(fd int, p []byte) (int, error) {
	n, _, err := unix.Recvfrom(fd, p, msgDontwait)
	if n > 0 || n == 0 && (err == unix.EAFNOSUPPORT || err == unix.EINVAL) {
		err = nil // x/sys doesn't know the sender's address, or calls it too long
	}
	return n, err
}

func sendMsg(fd int, p []byte) (int, error) {
	return unix.SendmsgN(fd, p, nil, nil, msgDontwait|unix.MSG_NOSIGNAL)
}

var began = time.Now()

// monotonic returns the time on a clock that nobody sets. That of time.Now stands still in
// a testing/synctest bubble while a system call waits: where a wait can end early, the
// clock is the system's.
func monotonic() time.Duration {
	if !endsEarly {
		return time.Since(began)
	}
	var now unix.Timespec
	clockGettime(clockMonotonic, &now)
	return time.Duration(now.Nano())
}

// tellsHangup reports whether the running kernel knows pollRDHUP. One that doesn't
// ignores the bit.
func tellsHangup() bool {
	if !asksRDHUP {
		return pollRDHUP != 0
	}
	answer := rdhup.Load()
	if answer == 0 {
		answer = askRDHUP()
		rdhup.Store(answer)
	}
	return answer > 0
}

var rdhup atomic.Int32 // what askRDHUP has found

// askRDHUP polls a socket whose reading side is shut and whose writing side is
// not, so that it has nothing else to tell. It returns 1 if the kernel knows
// the bit, -1 if it doesn't, and 0 if there is no socket to ask.
func askRDHUP() int32 {
	syscall.ForkLock.RLock()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return 0
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if unix.Shutdown(pair[0], unix.SHUT_RD) != nil {
		return 0
	}
	p := [1]unix.PollFd{{Fd: int32(pair[0]), Events: pollRDHUP}}
	if _, err := unix.Poll(p[:], 0); err != nil {
		return 0
	}
	if p[0].Revents&pollRDHUP == 0 {
		return -1
	}
	return 1
}

// slotShift makes a slot in the table of a descriptor.
const slotShift = 0

func validNumber(n int64) bool {
	return 0 <= n && n <= math.MaxInt32
}

// checkOpen returns EBADF for a descriptor that is not open, where the system
// call that watches it would notice that too late. On Linux one that only names
// a file (O_PATH) can't be waited for and counts as such, as it does for epoll.
func checkOpen(fd int) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err == nil && flags&oPath != 0 {
		err = unix.EBADF
	}
	return os.NewSyscallError("fcntl", err)
}

// aboveStandard moves a descriptor of the selector's own out of the place of
// standard input, output and error: whatever is printed there would end up in
// it. Where it fails it has closed it.
func aboveStandard(fd int) (int, error) {
	if fd > 2 {
		return fd, nil
	}
	above, err := duplicate(fd, 3)
	unix.Close(fd)
	return above, err
}

// duplicate returns another descriptor of the same file, of the lowest number
// that is free and at least least.
func duplicate(fd, least int) (int, error) {
	syscall.ForkLock.RLock() // for AIX
	defer syscall.ForkLock.RUnlock()
	other, err := unix.FcntlInt(uintptr(fd), fcntlDup, least)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	unix.CloseOnExec(other)
	return other, nil
}

// isOpenSocket reports whether a descriptor is a socket's.
func isOpenSocket(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil
}

// A waker is an eventfd, or a pipe. Every wait watches its end for reading.
type waker struct {
	r, w int
	buf  [32]byte // for drain; a local one escapes under the race detector
}

func newWaker() (k *waker, err error) {
	var p [2]int
	if eventfd != nil {
		p[0], err = eventfd(0, unix.O_CLOEXEC|unix.O_NONBLOCK) // as EFD_CLOEXEC, EFD_NONBLOCK
		p[1], err = p[0], os.NewSyscallError("eventfd2", err)
	} else {
		p, err = newPipe()
	}
	if err != nil {
		return nil, err
	}
	k = new(waker)
	k.r, err = aboveStandard(p[0])
	if k.w = k.r; p[1] == p[0] {
		return k, err
	}
	if err != nil {
		unix.Close(p[1])
		return nil, err
	}
	if k.w, err = aboveStandard(p[1]); err != nil {
		unix.Close(k.r)
		return nil, err
	}
	return k, nil
}

// newPipe returns the two ends of a pipe, in non-blocking mode and closed on exec.
// Without pipe2 a fork by Go waits for both, one by C may come between.
func newPipe() (p [2]int, err error) {
	if pipe2 != nil {
		err = pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK)
		return p, os.NewSyscallError("pipe2", err)
	}
	syscall.ForkLock.RLock()
	err = unix.Pipe(p[:])
	if err == nil {
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return p, os.NewSyscallError("pipe", err)
	}
	for _, fd := range p {
		if err := unix.SetNonblock(fd, true); err != nil {
			unix.Close(p[0])
			unix.Close(p[1])
			return p, os.NewSyscallError("fcntl", err)
		}
	}
	return p, nil
}

// wakeBytes are the number 1 to an eventfd.
var wakeBytes = binary.NativeEndian.AppendUint64(nil, 1)

func (k *waker) wake() error {
	for {
		_, err := unix.Write(k.w, wakeBytes)
		switch err {
		case unix.EINTR:
		case unix.EAGAIN: // it is full: there is enough to wake
			return nil
		default:
			return os.NewSyscallError("write", err)
		}
	}
}

// drain also takes what is not the selector's own: somebody may have written to
// a descriptor that was not theirs.
func (k *waker) drain() {
	for {
		n, err := unix.Read(k.r, k.buf[:])
		if err != unix.EINTR && n < len(k.buf) {
			return
		}
	}
}

func (k *waker) release() {
	unix.Close(k.r)
	if k.w != k.r {
		unix.Close(k.w)
	}
}

// repeat makes a call until no signal interrupts it.
func repeat(call func(fd int, p []byte) (int, error), fd int, p []byte) (int, error) {
	for {
		n, err := call(fd, p)
		if err == nil {
			return n, nil
		}
		if err != unix.EINTR {
			return 0, err
		}
	}
}

// tells reports whether poll shows what it is asked for.
func tells(ask unix.PollFd) bool {
	p := [1]unix.PollFd{ask}
	pollWait(p[:], 0)
	return p[0].Revents&ask.Events != 0
}

// pollReady and selectReady report whether a call won't block, as far as the
// system can tell, or will fail.
func pollReady(fd int, events EventMask) bool {
	p := [1]unix.PollFd{newPollFd(fd, events)}
	n, _, err := pollWait(p[:], 0)
	return n != 0 || err != nil
}

func selectReady(fd int, events EventMask) bool {
	if fd >= fdSetSize {
		return pollReady(fd, events)
	}
	for {
		var sets fdSets
		sets.set(fd, events)
		n, err := unix.Select(fd+1, &sets.read[0], &sets.write[0], nil, new(unix.Timeval))
		if err != unix.EINTR {
			return n != 0 || err != nil
		}
	}
}

// acceptOne takes a descriptor into reserve first, which net.FileConn gets for its
// duplicate: if none is free the client stays in the queue. What is accepted is
// closed on exec from its first moment; without accept4 a fork by Go waits for it.
func acceptOne(listener int) (fd int, name string, err error) {
	if accept4 == nil {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	reserve, err := unix.FcntlInt(uintptr(listener), fcntlDup, 0)
	if err != nil {
		return -1, "fcntl", err
	}
	if accept4 != nil {
		fd, _, err = accept4(listener, sockCloexec)
	} else if fd, _, err = unix.Accept(listener); err == nil {
		unix.CloseOnExec(fd)
	}
	unix.Close(reserve)
	return fd, "accept", err
}
