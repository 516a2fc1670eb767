// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package proof

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-selectors/selectors"
	"golang.org/x/sys/unix"
)

// A program is a sequence of steps of three bytes: an operation, and two
// arguments. It works on numbers that nobody else is given, since the kernel
// hands out the lowest free one, and that don't lie in one word of select's lists.
const (
	slots    = 10
	stepSize = 3
	maxSteps = 120
)

var firstFD = func() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur <= 507+slots {
		return 187
	}
	return 507
}()

// A subject is one selector and what the model knows about it.
type subject struct {
	selectors.Selector
	name   string
	answer func(asked selectors.EventMask, revents int16) selectors.EventMask
	refuse selectors.EventMask           // what it can't tell
	keys   [slots]*selectors.SelectorKey // what is registered

	// doubt: the number was closed or got another file while registered.
	// Until Unregister, or a Modify of the mask, the contract promises
	// nothing about the events of this key.
	doubt [slots]bool
}

// subjects returns a selector of each sort.
func subjects(t testing.TB) []*subject {
	t.Helper()
	return []*subject{
		{Selector: open(t, "epoll"), name: "epoll", answer: contract},
		{Selector: open(t, "poll"), name: "poll", answer: contract},
		{Selector: open(t, "select"), name: "select", answer: blind, refuse: H},
	}
}

// contract is what epoll and poll have to answer where poll(2) says revents.
func contract(asked selectors.EventMask, revents int16) (mask selectors.EventMask) {
	if revents&(unix.POLLHUP|unix.POLLERR) != 0 {
		return asked
	}
	if revents&unix.POLLIN != 0 {
		mask |= R
	}
	if revents&unix.POLLOUT != 0 {
		mask |= W
	}
	if revents&unix.POLLPRI != 0 {
		mask |= P
	}
	if revents&unix.POLLRDHUP != 0 {
		mask |= H
	}
	return mask & asked
}

// blind is what select(2) has to answer: the one place where a kernel can't
// agree with the contract's rule. It has three lists (POLLIN_SET, POLLOUT_SET
// and POLLEX_SET in fs/select.c) and no word for a hang-up, which counts as
// readable, or an error, which counts as readable and writable. So one that
// was not asked for EventRead may not show at all.
func blind(asked selectors.EventMask, revents int16) (mask selectors.EventMask) {
	if revents&(unix.POLLIN|unix.POLLHUP|unix.POLLERR) != 0 {
		mask |= R
	}
	if revents&(unix.POLLOUT|unix.POLLERR) != 0 {
		mask |= W
	}
	if revents&unix.POLLPRI != 0 {
		mask |= P
	}
	return mask & asked
}

// unwoken says what epoll may leave out: room in a pty comes back when a work
// queue has carried data on, and the kernel then wakes nobody up who was
// told that there is none (pty_write_room, flush_to_ldisc). poll and select look
// for themselves.
func unwoken(s *subject, file string) selectors.EventMask {
	if s.name == "epoll" && file == "pty" {
		return W
	}
	return 0
}

type world struct {
	t        testing.TB
	subjects []*subject
	files    [slots]string // the kind of each slot's file, empty where none is open
	listener int
	connect  unix.Sockaddr // where the listener is
	refuse   unix.Sockaddr // where nobody listens
	held     int           // the socket that keeps the latter's port
	trace    []string
}

func newWorld(t testing.TB) *world {
	w := &world{t: t}
	w.listener, w.connect = w.bind()
	w.held, w.refuse = w.bind()
	w.must(unix.Listen(w.listener, 64))
	w.subjects = subjects(t)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// bind returns a socket on a port of its own.
func (w *world) bind() (int, unix.Sockaddr) {
	fd := w.socket()
	w.must(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	addr, err := unix.Getsockname(fd)
	w.must(err)
	return fd, addr
}

func (w *world) socket() int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	w.must(err)
	// Small, so that they fill soon; fixed, so that nobody tunes them meanwhile.
	w.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 8192))
	w.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8192))
	return fd
}

func (w *world) end() {
	for slot := range slots {
		if w.files[slot] != "" {
			unix.Close(firstFD + slot)
		}
	}
	for _, s := range w.subjects {
		w.must(s.Close())
	}
	unix.Close(w.listener)
	unix.Close(w.held)
}

// place gives a descriptor a slot's number.
func (w *world) place(slot, fd int, file string) {
	w.must(unix.Dup3(fd, firstFD+slot, unix.O_CLOEXEC))
	unix.Close(fd)
	w.files[slot] = file
	w.doubt(slot)
}

// doubt notes that a number's file has changed.
func (w *world) doubt(slot int) {
	for _, s := range w.subjects {
		s.doubt[slot] = s.keys[slot] != nil
	}
}

// kinds are the files that a program opens: one descriptor or two.
var kinds = []struct {
	name string
	open func(w *world) []int
}{
	{"pipe", func(w *world) []int {
		var p [2]int
		w.must(unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC))
		return p[:]
	}},
	{"tcp", func(w *world) []int {
		client := w.socket()
		if err := unix.Connect(client, w.connect); err != unix.EINPROGRESS {
			w.must(err)
		}
		p := []unix.PollFd{{Fd: int32(w.listener), Events: unix.POLLIN}}
		for {
			if _, err := unix.Poll(p, -1); err != unix.EINTR {
				break
			}
		}
		server, _, err := unix.Accept4(w.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		w.must(err)
		return []int{client, server}
	}},
	{"unix", func(w *world) []int {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		w.must(err)
		return p[:]
	}},
	{"seqpacket", func(w *world) []int {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		w.must(err)
		return p[:]
	}},
	{"unixgram", func(w *world) []int {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		w.must(err)
		return p[:]
	}},
	{"socket", func(w *world) []int { return []int{w.socket()} }},
	{"listener", func(w *world) []int {
		fd, _ := w.bind()
		w.must(unix.Listen(fd, 4))
		return []int{fd}
	}},
	{"pty", func(w *world) []int {
		master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		w.must(err)
		w.must(unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0))
		w.must(unix.IoctlSetPointerInt(master, unix.TIOCPKT, 1))
		n, err := unix.IoctlGetUint32(master, unix.TIOCGPTN) // IoctlGetInt takes it for 64 bits, which s390x notices
		w.must(err)
		slave, err := unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		w.must(err)
		// No echo: what one side writes must not make the other busy.
		mode, err := unix.IoctlGetTermios(slave, unix.TCGETS)
		w.must(err)
		mode.Iflag, mode.Oflag, mode.Lflag = 0, 0, 0
		w.must(unix.IoctlSetTermios(slave, unix.TCSETS, mode))
		return []int{master, slave}
	}},
	{"eventfd", func(w *world) []int {
		fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
		w.must(err)
		return []int{fd}
	}},
	{"null", func(w *world) []int {
		fd, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
		w.must(err)
		return []int{fd}
	}},
}

// The operations. What the kernel refuses has no effect, and need not be
// known in advance: the oracle is asked after each step what came of it.
const (
	opOpen       = iota // a kind, at a slot (and the next one); over what is there
	opClose             // a slot
	opDup               // a slot, to another; over what is there
	opRegister          // a slot, a mask
	opModify            // a slot, a mask
	opUnregister        // a slot
	opWrite             // a slot, a length
	opRead              // a slot, a length
	opFill              // a slot
	opDrain             // a slot
	opShutdown          // a slot, how
	opUrgent            // a slot: urgent data of a socket, a flush of a pty
	opReadUrgent        // a slot
	opConnect           // a slot, whether to where nobody listens
	opAccept            // a listener's slot, the slot for the connection
	opReset             // a slot, closed by a reset
	opTakeError         // a slot, SO_ERROR
	opBlock             // a wait that blocks
	numOps
)

var opNames = [numOps]string{"open", "close", "dup", "register", "modify", "unregister", "write", "read", "fill",
	"drain", "shutdown", "urgent", "readurgent", "connect", "accept", "reset", "takeerror", "block"}

// weights make registrations and openings as frequent as all the rest.
var weights = func() (list []byte) {
	for op, n := range [numOps]int{opOpen: 4, opRegister: 5, opModify: 3, opUnregister: 2, opWrite: 2, opRead: 2, opDup: 2} {
		for range max(n, 1) {
			list = append(list, byte(op))
		}
	}
	return list
}()

func (w *world) do(op, a, b byte) {
	slot := int(a) % slots
	fd := firstFD + slot
	mask := selectors.EventMask(b%15 + 1)
	w.trace = append(w.trace, fmt.Sprintf("%s %d %d", opNames[op], a, b))
	switch op {
	case opOpen:
		kind := kinds[int(b)%len(kinds)]
		w.trace[len(w.trace)-1] += " " + kind.name
		fds := kind.open(w)
		for i, fd := range fds {
			w.place((slot+i)%slots, fd, kind.name)
		}
	case opClose:
		w.close(slot)
	case opDup:
		to := int(b) % slots
		if w.files[slot] != "" && to != slot {
			copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
			w.must(err)
			w.place(to, copied, w.files[slot])
		}
	case opRegister:
		w.register(slot, mask)
	case opModify:
		w.modify(slot, mask)
	case opUnregister:
		w.unregister(slot)
	case opWrite:
		unix.Write(fd, make([]byte, 8*max(1, int(b)))) // an eventfd takes 8 bytes alone
	case opRead:
		unix.Read(fd, make([]byte, 8+int(b)))
	case opFill:
		for n := 0; n < 1000; n++ {
			if _, err := unix.Write(fd, make([]byte, 4096)); err != nil && err != unix.EINTR {
				break
			}
		}
	case opDrain:
		for n := 0; n < 10000; n++ {
			if n, err := unix.Read(fd, make([]byte, 4096)); n <= 0 && err != unix.EINTR {
				break
			}
		}
	case opShutdown:
		unix.Shutdown(fd, int(b)%3)
	case opUrgent:
		if unix.Sendto(fd, []byte{1}, unix.MSG_OOB|unix.MSG_NOSIGNAL, nil) == unix.ENOTSOCK {
			unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
		}
	case opReadUrgent:
		unix.Recvfrom(fd, make([]byte, 1), unix.MSG_OOB)
	case opConnect:
		to := w.connect
		if b%2 == 1 {
			to = w.refuse
		}
		unix.Connect(fd, to)
	case opAccept:
		if got, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC); err == nil {
			w.place(int(b)%slots, got, "tcp")
		}
	case opReset:
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		w.close(slot)
	case opTakeError:
		unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	}
}

func (w *world) close(slot int) {
	if w.files[slot] != "" {
		w.must(unix.Close(firstFD + slot))
		w.files[slot] = ""
		w.doubt(slot)
	}
}

// refusal is the error that the system has for a number.
func (w *world) refusal(s *subject, slot int) error {
	switch {
	case w.files[slot] == "":
		return unix.EBADF
	case w.files[slot] == "null" && s.name == "epoll":
		return unix.EPERM
	}
	return nil
}

// What a selector can't tell it refuses, and then gets the rest.

func (w *world) register(slot int, mask selectors.EventMask) {
	for _, s := range w.subjects {
		if mask&s.refuse != 0 && s.keys[slot] == nil {
			_, err := s.Register(firstFD+slot, mask, nil)
			w.is(s, "Register", err, errors.ErrUnsupported)
		}
		mask := mask &^ s.refuse
		if mask == 0 {
			continue
		}
		want := w.refusal(s, slot)
		if s.keys[slot] != nil {
			want = selectors.ErrRegistered
		}
		data := len(w.trace)
		key, err := s.Register(firstFD+slot, mask, data)
		w.is(s, "Register", err, want)
		if want == nil {
			if *key != (selectors.SelectorKey{FileObj: firstFD + slot, FD: firstFD + slot, Events: mask, Data: data}) {
				w.fail("%s: Register returned %v", s.name, *key)
			}
			s.keys[slot] = key
		}
	}
}

func (w *world) modify(slot int, mask selectors.EventMask) {
	for _, s := range w.subjects {
		if mask&s.refuse != 0 && s.keys[slot] != nil {
			_, err := s.Modify(firstFD+slot, mask, nil)
			w.is(s, "Modify", err, errors.ErrUnsupported)
			if key, err := s.GetKey(firstFD + slot); key != s.keys[slot] {
				w.fail("%s: a refused Modify has left %v (%v)", s.name, key, err)
			}
		}
		mask := mask &^ s.refuse
		if mask == 0 {
			continue
		}
		var want error
		switch key := s.keys[slot]; {
		case key == nil:
			want = selectors.ErrNotRegistered
		case key.Events != mask:
			want = w.refusal(s, slot)
			s.doubt[slot] = false
		}
		key, err := s.Modify(firstFD+slot, mask, len(w.trace))
		w.is(s, "Modify", err, want)
		s.keys[slot] = key
	}
}

func (w *world) unregister(slot int) {
	for _, s := range w.subjects {
		var want error
		if s.keys[slot] == nil {
			want = selectors.ErrNotRegistered
		}
		key, err := s.Unregister(firstFD + slot)
		w.is(s, "Unregister", err, want)
		if key != s.keys[slot] {
			w.fail("%s: Unregister returned %v, registered was %v", s.name, key, s.keys[slot])
		}
		s.keys[slot], s.doubt[slot] = nil, false
	}
}

func (w *world) is(s *subject, call string, err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.fail("%s: %s: %v, want %v", s.name, call, err, want)
	}
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf(format+"\nafter %s", append(args, strings.Join(w.trace, "; "))...)
}

// ask is the oracle: poll(2) about what is registered and not in doubt.
func (w *world) ask() (revents [slots]int16) {
	fds := make([]unix.PollFd, slots)
	for slot := range fds {
		fds[slot].Fd = -1
		for _, s := range w.subjects {
			if key := s.keys[slot]; key != nil && !s.doubt[slot] {
				fds[slot].Fd = int32(firstFD + slot)
				if key.Events&R != 0 {
					fds[slot].Events |= unix.POLLIN
				}
				if key.Events&W != 0 {
					fds[slot].Events |= unix.POLLOUT
				}
				if key.Events&P != 0 {
					fds[slot].Events |= unix.POLLPRI
				}
				if key.Events&H != 0 {
					fds[slot].Events |= unix.POLLRDHUP
				}
			}
		}
	}
	for {
		_, err := unix.Poll(fds, 0)
		if err == unix.EINTR {
			continue
		}
		w.must(err)
		for slot := range fds {
			revents[slot] = fds[slot].Revents
		}
		return revents
	}
}

// compare lets every selector wait, and the oracle say what is right. The
// kernel carries some news on later (TCP, a pty's work queue), so the oracle
// is asked before and after, and counts where it says the same twice.
func (w *world) compare(timeout time.Duration) {
	w.t.Helper()
	for begin := time.Now(); time.Since(begin) < hang; {
		before := w.ask()
		var all [][]selectors.Ready
		for _, s := range w.subjects {
			start := time.Now()
			ready, err := s.Select(timeout)
			took := time.Since(start)
			if err != nil {
				w.fail("%s: Select: %v", s.name, err)
			}
			if len(ready) == 0 && took < timeout {
				w.fail("%s: Select(%v) ended with nothing after %v", s.name, timeout, took)
			}
			all = append(all, ready)
		}
		if w.ask() != before {
			time.Sleep(time.Millisecond)
			continue
		}
		for i, s := range w.subjects {
			w.check(s, all[i], before)
		}
		return
	}
	w.fail("the kernel doesn't settle")
}

func (w *world) check(s *subject, ready []selectors.Ready, revents [slots]int16) {
	w.t.Helper()
	var got [slots]selectors.EventMask
	for _, r := range ready {
		slot := r.Key.FD - firstFD
		if slot < 0 || slot >= slots || s.keys[slot] != r.Key {
			w.fail("%s: Select reports %v, which is not registered", s.name, *r.Key)
		}
		if got[slot] != 0 {
			w.fail("%s: Select reports %d twice", s.name, slot)
		}
		if r.Events == 0 || r.Events&^r.Key.Events != 0 {
			w.fail("%s: Select reports %v of %d, asked was %v", s.name, r.Events, slot, r.Key.Events)
		}
		got[slot] = r.Events
	}
	n := 0
	for slot, key := range s.keys {
		if key == nil {
			continue
		}
		n++
		if s.doubt[slot] {
			continue
		}
		want := s.answer(key.Events, revents[slot])
		if (got[slot]^want)&^unwoken(s, w.files[slot]) != 0 {
			w.fail("%s: Select reports %v of %d, asked was %v, poll says %#x, so it should be %v",
				s.name, got[slot], slot, key.Events, revents[slot], want)
		}
	}
	if m := s.GetMap(); m.Len() != n {
		w.fail("%s: the map has %d keys, not %d", s.name, m.Len(), n)
	}
}

func (w *world) run(program []byte) {
	for len(program) >= stepSize && len(w.trace) < maxSteps {
		op := weights[int(program[0])%len(weights)]
		w.do(op, program[1], program[2])
		w.compare(0)
		if op == opBlock {
			w.compare(300 * time.Microsecond)
		}
		program = program[stepSize:]
	}
}

// spin fails if a wait with nothing ready computes. What is registered must have
// no events.
func (w *world) spin() {
	const timeout = 30 * time.Millisecond
	var group sync.WaitGroup
	failed := make([]string, len(w.subjects))
	for i, s := range w.subjects {
		spawn(&group, func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			// One that spins computes all the time, each time.
			for tries := 0; ; tries++ {
				before := threadTime()
				ready, err := s.Select(timeout)
				used := threadTime() - before
				switch {
				case err != nil || len(ready) != 0:
					failed[i] = fmt.Sprintf("%s: Select: %v, %v", s.name, ready, err)
				case used > timeout/10 && tries < 20:
					continue
				case used > timeout/10:
					failed[i] = fmt.Sprintf("%s: Select(%v) with nothing ready computes for %v", s.name, timeout, used)
				}
				return
			}
		})
	}
	group.Wait()
	for _, what := range failed {
		if what != "" {
			w.fail("%s", what)
		}
	}
}

func threadTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// step makes three bytes of a program.
func step(op, a, b int) []byte {
	return []byte{byte(slices.Index(weights, byte(op))), byte(a), byte(b)}
}

func kind(name string) int {
	for i, k := range kinds {
		if k.name == name {
			return i
		}
	}
	panic(name)
}

func mask(m selectors.EventMask) int { return int(m) - 1 }

// seeds are programs that once found something, here or elsewhere.
func seeds() (list [][]byte) {
	add := func(steps ...[]byte) { list = append(list, bytes.Join(steps, nil)) }
	for k := range kinds {
		for m := 1; m <= 15; m++ {
			// Everything that can happen to one registration of one kind.
			add(step(opOpen, 0, k), step(opRegister, 0, m-1), step(opRegister, 1, m-1),
				step(opWrite, 1, 1), step(opWrite, 0, 1), step(opUrgent, 1, 0), step(opBlock, 0, 0), step(opReadUrgent, 0, 0),
				step(opFill, 0, 0), step(opDrain, 1, 0), step(opDrain, 0, 0), step(opShutdown, 1, unix.SHUT_WR),
				step(opShutdown, 0, unix.SHUT_WR), step(opClose, 1, 0), step(opBlock, 0, 0), step(opWrite, 0, 1), step(opUnregister, 0, 0),
				step(opRegister, 0, m-1), step(opDrain, 0, 0), step(opTakeError, 0, 0), step(opModify, 0, mask(R|W|P)), step(opModify, 0, m-1))
		}
	}
	// A reset, with data unread.
	add(step(opOpen, 0, kind("tcp")), step(opRegister, 0, mask(R|W|P)), step(opWrite, 1, 4), step(opReset, 1, 0),
		step(opBlock, 0, 0), step(opTakeError, 0, 0), step(opDrain, 0, 0))
	// A hang-up behind data, and a pause that ends with it.
	for _, k := range []string{"pipe", "tcp", "unix", "seqpacket", "pty"} {
		add(step(opOpen, 0, kind(k)), step(opRegister, 0, mask(R|W|H)), step(opWrite, 1, 4), step(opModify, 0, mask(H)), step(opBlock, 0, 0),
			step(opWrite, 1, 4), step(opShutdown, 1, unix.SHUT_WR), step(opBlock, 0, 0), step(opModify, 0, mask(R|H)), step(opClose, 1, 0),
			step(opModify, 0, mask(H)), step(opBlock, 0, 0), step(opDrain, 0, 0), step(opModify, 0, mask(R|H)))
	}
	// Both ends shut, one after the other, each way.
	for how := range 3 {
		add(step(opOpen, 0, kind("tcp")), step(opRegister, 0, mask(H)), step(opShutdown, 0, how), step(opBlock, 0, 0), step(opModify, 0, mask(W|H)),
			step(opShutdown, 1, how), step(opBlock, 0, 0), step(opModify, 0, mask(H)), step(opReset, 1, 0), step(opTakeError, 0, 0))
	}
	// Connects: refused, and accepted.
	add(step(opOpen, 0, kind("socket")), step(opRegister, 0, mask(W)), step(opConnect, 0, 1), step(opBlock, 0, 0),
		step(opTakeError, 0, 0), step(opModify, 0, mask(R)), step(opConnect, 0, 0), step(opModify, 0, mask(R|W)))
	// A duplicate survives the close: epoll has its events for ever.
	for _, m := range []selectors.EventMask{R, W, R | W} {
		add(step(opOpen, 0, kind("unix")), step(opRegister, 0, mask(m)), step(opDup, 0, 5), step(opClose, 0, 0), step(opUnregister, 0, 0),
			step(opWrite, 1, 1), step(opBlock, 0, 0), step(opOpen, 0, kind("pipe")), step(opRegister, 0, mask(m)), step(opBlock, 0, 0),
			step(opDup, 5, 0), step(opModify, 0, mask(P)), step(opUnregister, 0, 0), step(opRegister, 5, mask(m)), step(opBlock, 0, 0))
	}
	// The same open file comes back to its number.
	add(step(opOpen, 0, kind("pipe")), step(opRegister, 0, mask(R)), step(opDup, 0, 5), step(opClose, 0, 0), step(opUnregister, 0, 0),
		step(opDup, 5, 0), step(opRegister, 0, mask(R|W)), step(opWrite, 1, 1), step(opBlock, 0, 0), step(opUnregister, 0, 0))
	// One goes, others stay below it, in another word of select's lists.
	add(step(opOpen, 0, kind("pipe")), step(opRegister, 0, mask(R)), step(opOpen, 8, kind("unix")), step(opRegister, 8, mask(W)),
		step(opRegister, 9, mask(W)), step(opUnregister, 9, 0), step(opUnregister, 8, 0), step(opWrite, 1, 1), step(opBlock, 0, 0))
	// Closed under its key, modified, and reused by what epoll refuses.
	add(step(opOpen, 0, kind("pipe")), step(opRegister, 0, mask(R)), step(opClose, 0, 0), step(opBlock, 0, 0), step(opModify, 0, mask(R)),
		step(opModify, 0, mask(W)), step(opOpen, 0, kind("tcp")), step(opRegister, 0, mask(R)), step(opOpen, 0, kind("null")), step(opBlock, 0, 0),
		step(opModify, 0, mask(R|W)), step(opRegister, 0, mask(R)), step(opBlock, 0, 0))
	// Two duplicates, registered both.
	add(step(opOpen, 0, kind("tcp")), step(opDup, 0, 4), step(opRegister, 0, mask(R)), step(opRegister, 4, mask(R|P)), step(opUrgent, 1, 0),
		step(opWrite, 1, 1), step(opClose, 0, 0), step(opBlock, 0, 0), step(opUnregister, 0, 0), step(opBlock, 0, 0), step(opDrain, 4, 0))
	return list
}

func runProgram(t testing.TB, program []byte) {
	w := newWorld(t)
	defer w.end()
	w.run(program)
}

// Select(0) of every selector is what poll(2) says under the contract's rules.
func TestOracleSeeds(t *testing.T) {
	for _, program := range seeds() {
		runProgram(t, program)
	}
}

func TestOracleRandomPrograms(t *testing.T) {
	for seed := range rounds(20, 100, 1000) {
		random := rand.New(rand.NewPCG(uint64(seed), 9))
		program := make([]byte, stepSize*maxSteps)
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		runProgram(t, program)
	}
}

func TestNoSelectSpinsForClosedDescriptors(t *testing.T) {
	for name, program := range map[string][][]byte{
		"Closed": {step(opOpen, 0, kind("unix")), step(opRegister, 0, mask(R|W)), step(opRegister, 1, mask(R)), step(opOpen, 2, kind("tcp")),
			step(opRegister, 2, mask(R|W|P)), step(opRegister, 3, mask(R)), step(opClose, 0, 0), step(opClose, 1, 0), step(opReset, 2, 0), step(opClose, 3, 0),
			step(opOpen, 6, kind("pipe")), step(opRegister, 6, mask(W)), step(opClose, 6, 0)},
		"Duplicate": {step(opOpen, 0, kind("unix")), step(opRegister, 0, mask(R)), step(opDup, 0, 5), step(opClose, 0, 0),
			step(opUnregister, 0, 0), step(opWrite, 1, 1)},
		"DuplicateOver": {step(opOpen, 0, kind("unix")), step(opRegister, 0, mask(R|W)), step(opDup, 0, 5), step(opOpen, 7, kind("pipe")),
			step(opDup, 7, 0), step(opModify, 0, mask(R))},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			w.run(bytes.Join(program, nil))
			w.spin()
		})
	}
}

// Data, or room for it, of who asked for EventHangup alone.
func TestNoSelectSpinsForWhatIsNotAskedFor(t *testing.T) {
	for _, k := range []string{"pipe", "tcp", "unix", "seqpacket", "unixgram", "pty"} {
		t.Run(k, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			w.run(bytes.Join([][]byte{step(opOpen, 0, kind(k)), step(opRegister, 0, mask(R|W|H)), step(opRegister, 1, mask(H)),
				step(opWrite, 1, 200), step(opWrite, 0, 200), step(opModify, 0, mask(H)), step(opUrgent, 1, 0), step(opWrite, 1, 200)}, nil))
			for _, s := range w.subjects {
				if s.refuse&H != 0 {
					w.unregister(0) // it goes on with R|W
				}
			}
			w.spin()
		})
	}
}

func FuzzOracle(f *testing.F) {
	for _, program := range seeds() {
		f.Add(program)
	}
	f.Fuzz(func(t *testing.T, program []byte) { runProgram(t, program) })
}
