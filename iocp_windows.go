// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var constructors = []func() (Selector, error){
	generic(NewIOCPSelector), generic(NewSelectSelector),
}

// An IOCPSelector waits for sockets by an I/O completion port. Each wait costs
// time in proportion to what is ready, and counts its timeout in ticks of the
// system's clock, which are 15.6 ms unless somebody asked for finer ones. It
// takes sockets alone: what is not an open socket (a file, a pipe, a console)
// is refused with WSAENOTSOCK. The sockets may be on another completion port
// as well, as those of package net are.
//
// A hang-up is a reset or a failed connect. The system tells what the peer did
// and not what oneself did: a connection that both sides have shut shows as
// readable and writable, not as every bit that was asked for. A stream socket
// that was never connected is ready for nothing.
//
// A selector that is dropped without Close leaves its handles open, and keeps
// the memory of its requests.
type IOCPSelector struct {
	core
	port windows.Handle // constant

	// waking says that wake was called and drain not yet. It is read without
	// the mutex by a wait that has taken wake's packet, which is the only one
	// for all who are blocked.
	waking atomic.Bool

	groups   []*afdGroup
	polls    []afdPoll // an entry's pos is an index here
	free     []uint32  // polls that are in nobody's use
	asks     []uint32  // polls to ask for at the next look
	inFlight int       // polls whose packet is still to come

	// leaving has the polls whose registration is gone and whose packet is
	// still to come, by socket: who registers the socket again takes over the
	// poll, and so waits for the packet.
	leaving map[windows.Handle]uint32
	late    int // registrations that wait for the packet of a cancelled poll

	looks   uint64
	waiters []*iocpWaiter
	reaper  *iocpWaiter // nil until it is needed
}

// Windows has no call that tells which of many sockets are ready, but its
// socket driver, AFD, takes requests to be told when one is (IOCTL_AFD_POLL).
// No manual describes them; winsock's own select and WSAPoll are made of them,
// and libraries live on them (libuv, wepoll, mio). This is how they are used:
//
//   - A request is for one socket and for once. Whoever was reported is asked
//     for again by the next wait, whose request ends at once if the socket is
//     still ready. So waits are level-triggered.
//   - When a request has ended, a packet that names it comes through the port.
//     Until then the kernel may write to the request's memory, whatever
//     happened to the registration, the selector and the socket meanwhile.
//   - There is one request at a time for a socket: two at once disturb each
//     other (trio and wepoll met that). To ask for something else, the old
//     request is cancelled, and its packet awaited.

// An afdPoll is what the selector knows of a request. Its index says where the
// kernel's part is (IOCPSelector.request) and, plus one, stands in its packet.
type afdPoll struct {
	fd     int
	base   windows.Handle
	events EventMask
	state  pollState
	owned  bool   // it belongs to a registration
	queued bool   // it is in the list asks
	look   uint64 // the look that asked last
}

type pollState uint8

const (
	pollIdle      pollState = iota
	pollPending             // the kernel has it
	pollCancelled           // the kernel had to give it back; the packet may still say something else
)

// An afdGroup is an open handle of the socket driver, and memory for the
// requests that are made through it. Cancelling one searches all the requests
// of its handle, which is why a handle is not used for more.
type afdGroup struct {
	handle   windows.Handle
	requests [groupSize]afdRequest
}

const groupSize = 32

// An afdRequest is memory that the kernel writes to.
type afdRequest struct {
	status windows.IO_STATUS_BLOCK
	info   afdPollInfo
	_      uint32 // see afdPollInfoSize
}

// An afdPollInfo is AFD_POLL_INFO with one AFD_POLL_HANDLE_INFO.
type afdPollInfo struct {
	timeout         int64
	numberOfHandles uint32
	exclusive       uint32
	handle          windows.Handle
	events          uint32
	status          int32
}

// afdPollInfoSize is C's sizeof(AFD_POLL_INFO): on 32 bit, too, C aligns it to
// the eight bytes of the timeout, and Go doesn't.
const afdPollInfoSize = 32

const (
	ioctlAfdPoll = 0x00012024

	afdReceive          = 0x001
	afdReceiveExpedited = 0x002
	afdSend             = 0x004
	afdDisconnect       = 0x008 // the peer shut its write side
	afdAbort            = 0x010 // for ever after a reset
	afdLocalClose       = 0x020
	afdAccept           = 0x080
	afdConnectFail      = 0x100
)

// An overlappedEntry is OVERLAPPED_ENTRY, a packet.
type overlappedEntry struct {
	key      uintptr
	context  uintptr // afdPoll's index plus one, or wakeContext
	internal uintptr
	bytes    uint32
}

const wakeContext = 0

// kernelMemory holds every group whose memory the kernel may still write to,
// whatever becomes of its selector: also one that was dropped without Close.
// That the garbage collector doesn't move what it holds is all that is needed
// besides.
var kernelMemory struct {
	sync.Mutex
	groups map[*afdGroup]struct{}
}

// NewIOCPSelector returns a selector that waits by a completion port. It fails
// with an *os.SyscallError where the system can't poll sockets that way (old
// versions of Wine), or is out of memory.
func NewIOCPSelector() (*IOCPSelector, error) {
	if err := startWinsock(); err != nil {
		return nil, err
	}
	// The number of threads that may run must not be limited: the system
	// counts one that took a packet as running until it waits again, and
	// lets others sleep beside a packet.
	port, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 0xffffffff)
	if err != nil {
		return nil, os.NewSyscallError("CreateIoCompletionPort", err)
	}
	s := &IOCPSelector{port: port, leaving: make(map[windows.Handle]uint32)}
	if err := s.probe(); err != nil {
		s.release()
		return nil, err
	}
	s.init(s, s, false)
	return s, nil
}

// probe tries a poll, to find out whether the system takes it.
func (s *IOCPSelector) probe() error {
	socket, err := newSocket()
	if err != nil {
		return err
	}
	defer windows.Closesocket(socket)
	e := entry{events: EventWrite}
	if err := s.add(int(socket), &e); err != nil {
		return err
	}
	s.remove(int(socket), &e)
	return nil
}

// createGroup makes room for more polls.
func (s *IOCPSelector) createGroup() error {
	// A name below the device opens the driver without a socket.
	name, err := windows.NewNTUnicodeString(`\Device\Afd\Selectors`)
	if err != nil {
		return err
	}
	g := new(afdGroup)
	attributes := windows.OBJECT_ATTRIBUTES{ObjectName: name}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	var status windows.IO_STATUS_BLOCK
	err = windows.NtCreateFile(&g.handle, windows.SYNCHRONIZE, &attributes, &status, nil, 0,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, windows.FILE_OPEN, 0, 0, 0)
	if err != nil {
		return ntError("NtCreateFile", err.(windows.NTStatus))
	}
	_, err = windows.CreateIoCompletionPort(g.handle, s.port, 0, 0)
	err = os.NewSyscallError("CreateIoCompletionPort", err)
	if err == nil {
		// Not FILE_SKIP_COMPLETION_PORT_ON_SUCCESS: a poll that ends at once
		// has a packet as well.
		err = windows.SetFileCompletionNotificationModes(g.handle, windows.FILE_SKIP_SET_EVENT_ON_HANDLE)
		err = os.NewSyscallError("SetFileCompletionNotificationModes", err)
	}
	if err != nil {
		windows.CloseHandle(g.handle)
		return err
	}
	kernelMemory.Lock()
	if kernelMemory.groups == nil {
		kernelMemory.groups = make(map[*afdGroup]struct{})
	}
	kernelMemory.groups[g] = struct{}{}
	kernelMemory.Unlock()
	s.groups = append(s.groups, g)
	for range groupSize {
		s.free = append(s.free, uint32(len(s.polls)))
		s.polls = append(s.polls, afdPoll{})
	}
	return nil
}

// allocate returns an unused poll.
func (s *IOCPSelector) allocate() (uint32, error) {
	if len(s.free) == 0 && len(s.leaving) > 0 {
		// Who registers and unregisters without ever waiting must not use up
		// more and more.
		s.reap()
	}
	if len(s.free) == 0 {
		if err := s.createGroup(); err != nil {
			return 0, err
		}
	}
	i := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	return i, nil
}

// reap takes the packets that are there. What they report, the next look finds
// again.
func (s *IOCPSelector) reap() {
	if s.reaper == nil {
		s.reaper = s.newWaiter().(*iocpWaiter)
	}
	if s.reaper.receive(0) == nil {
		s.reaper.take(nil)
	}
}

// request returns the kernel's part of a poll, and the handle to make it by.
func (s *IOCPSelector) request(i uint32) (*afdRequest, windows.Handle) {
	g := s.groups[i/groupSize]
	return &g.requests[i%groupSize], g.handle
}

// afdInterest has what to ask the driver for, by mask. A peer's half-close is
// asked for together with reading alone, since it lasts: without that it would
// end every poll for writing. The other three are always of interest, and
// AFD_POLL_CONNECT never: it lasts as long as the connection.
var afdInterest = func() (interest [allEvents + 1]uint32) {
	for events := range EventMask(len(interest)) {
		interest[events] = afdAbort | afdLocalClose | afdConnectFail
		if events&EventRead != 0 {
			interest[events] |= afdReceive | afdAccept | afdDisconnect
		}
		if events&EventWrite != 0 {
			interest[events] |= afdSend
		}
		if events&EventPriority != 0 {
			interest[events] |= afdReceiveExpedited
		}
		if events&EventHangup != 0 {
			interest[events] |= afdDisconnect
		}
	}
	return interest
}()

// afdMask returns the mask for what the driver answers. A reset and a failed
// connect count as whatever was asked for.
func afdMask(answer uint32) (events EventMask) {
	if answer&(afdAbort|afdConnectFail) != 0 {
		return allEvents
	}
	if answer&(afdReceive|afdAccept|afdDisconnect) != 0 {
		events |= EventRead
	}
	if answer&afdSend != 0 {
		events |= EventWrite
	}
	if answer&afdReceiveExpedited != 0 {
		events |= EventPriority
	}
	if answer&afdDisconnect != 0 {
		events |= EventHangup
	}
	return events
}

// ask makes the request of an idle poll. It fails with WSAENOTSOCK if the
// number names no socket any more.
func (s *IOCPSelector) ask(i uint32) error {
	p := &s.polls[i]
	r, afd := s.request(i)
	r.info = afdPollInfo{
		timeout:         1<<63 - 1,
		numberOfHandles: 1,
		handle:          p.base,
		events:          afdInterest[p.events],
	}
	r.status.Status = windows.STATUS_PENDING
	status := ntDeviceIoControlFile(afd, uintptr(i)+1, &r.status, ioctlAfdPoll, unsafe.Pointer(&r.info), afdPollInfoSize)
	switch status {
	case 0, windows.STATUS_PENDING:
	case windows.STATUS_INVALID_HANDLE, windows.STATUS_OBJECT_TYPE_MISMATCH:
		return os.NewSyscallError("NtDeviceIoControlFile", windows.WSAENOTSOCK)
	default:
		return ntError("NtDeviceIoControlFile", status)
	}
	p.state = pollPending
	p.look = s.looks
	s.inFlight++
	return nil
}

// queue has a poll asked for again at the next look.
func (s *IOCPSelector) queue(i uint32) {
	if p := &s.polls[i]; !p.queued {
		p.queued = true
		s.asks = append(s.asks, i)
	}
}

// askQueued asks for all that wait for it. Where memory is short, the rest
// goes on waiting.
func (s *IOCPSelector) askQueued() error {
	for len(s.asks) > 0 {
		last := len(s.asks) - 1
		i := s.asks[last]
		if p := &s.polls[i]; p.owned && p.state == pollIdle {
			if err := s.ask(i); noMemory(err) {
				return err
			}
			// All other errors are of sockets that were closed while
			// registered: they are asked for no more.
		}
		s.polls[i].queued = false
		s.asks = s.asks[:last]
	}
	return nil
}

func (s *IOCPSelector) add(fd int, e *entry) error {
	base, err := baseSocket(windows.Handle(fd))
	if err != nil {
		return err
	}
	i, late := s.leaving[base]
	if late {
		// Not asked at once, it must be looked at: Wine's WSAIoctl doesn't.
		if err := checkOpen(windows.Handle(fd)); err != nil {
			return err
		}
		delete(s.leaving, base)
		s.late++
	} else if i, err = s.allocate(); err != nil {
		return err
	}
	p := &s.polls[i]
	p.fd, p.base, p.events, p.owned = fd, base, e.events, true
	e.pos = i
	if !late {
		if err := s.ask(i); err != nil {
			p.owned = false
			s.free = append(s.free, i)
			return err
		}
	}
	return nil
}

// modify begins anew: the number may name another socket by now.
func (s *IOCPSelector) modify(fd int, _ EventMask, e *entry) error {
	s.remove(fd, e)
	return s.add(fd, e)
}

func (s *IOCPSelector) remove(_ int, e *entry) {
	i := e.pos
	p := &s.polls[i]
	p.owned = false
	switch p.state {
	case pollIdle:
		s.free = append(s.free, i)
		return
	case pollPending:
		// STATUS_NOT_FOUND says that it has ended already. The packet comes in
		// any case.
		r, afd := s.request(i)
		ntCancelIoFileEx(afd, &r.status)
		p.state = pollCancelled
	case pollCancelled:
		s.late--
	}
	s.leaving[p.base] = i
}

// An iocpWaiter has the buffer for the packets.
type iocpWaiter struct {
	s       *IOCPSelector
	packets []overlappedEntry
	n       int // how many packets there are
}

func (s *IOCPSelector) newWaiter() waiter {
	w := &iocpWaiter{s: s, packets: make([]overlappedEntry, 64)}
	s.waiters = append(s.waiters, w)
	return w
}

// cancelGrace bounds how long look waits for the packet of a cancelled poll.
// The packet is on its way: it goes by way of the thread that made the
// request, which the kernel interrupts for it.
const cancelGrace = 100 * time.Millisecond

// look asks for what was reported, and takes the packets. One of a request
// that is older than this look may tell what has changed since, so that is asked
// again. It is called before each wait, which finds no old packets then.
func (w *iocpWaiter) look(dst []Ready) ([]Ready, error) {
	s := w.s
	s.looks++
	if err := s.askQueued(); err != nil {
		return dst, err
	}
	for timeout := time.Duration(0); ; {
		if err := w.receive(timeout); err != nil {
			return dst, err
		}
		n := w.n
		asked := false
		dst, asked = w.decode(dst, s.looks)
		if asked {
			timeout = 0
			continue
		}
		// If others are blocked, the packet may be in their hands.
		if s.late == 0 || s.blocked > 0 || n == 0 && timeout > 0 {
			break
		}
		timeout = cancelGrace
	}
	s.askForOthers()
	return dst, nil
}

func (w *iocpWaiter) prepare(dst []Ready) ([]Ready, error) {
	return w.look(dst)
}

// wait leaves the packets in the buffer. It never says that the time is over:
// the system counts from its last tick.
func (w *iocpWaiter) wait(timeout time.Duration) (over bool, err error) {
	return false, w.receive(timeout)
}

func (w *iocpWaiter) take(dst []Ready) ([]Ready, error) {
	dst, _ = w.decode(dst, 0)
	w.s.askForOthers()
	return dst, nil
}

// askForOthers asks at once for what was reported if others are blocked: they
// would sleep through what comes next.
func (s *IOCPSelector) askForOthers() {
	if s.blocked > 0 {
		// An error comes again at the next look.
		s.askQueued()
	}
}

// receive fills the buffer, and grows it until not all of it is needed. Wakes
// that it takes away from others it gives back.
func (w *iocpWaiter) receive(timeout time.Duration) error {
	w.n = 0
	for {
		n, err := getQueuedCompletionStatusEx(w.s.port, w.packets[w.n:], timeout)
		woken := false
		for i := range w.packets[w.n : w.n+n] {
			woken = woken || w.packets[w.n+i].context == wakeContext
		}
		w.n += n
		// Only for want of memory the system refuses that, and the others must
		// not sleep on for it.
		for woken && w.s.waking.Load() && w.s.post() != nil {
			time.Sleep(time.Millisecond)
		}
		if err != nil && w.n == 0 {
			return err
		}
		if err != nil || w.n < len(w.packets) {
			return nil // an error must not lose the packets
		}
		w.packets = slices.Grow(w.packets, len(w.packets))
		w.packets = w.packets[:cap(w.packets)]
		timeout = 0
	}
}

// decode appends what the packets report to dst, without answers to requests
// from before the given look, and says whether it has asked anything again.
func (w *iocpWaiter) decode(dst []Ready, look uint64) (_ []Ready, asked bool) {
	s := w.s
	for k := range w.packets[:w.n] {
		if w.packets[k].context == wakeContext {
			continue
		}
		i := uint32(w.packets[k].context - 1)
		p := &s.polls[i]
		state := p.state
		p.state = pollIdle
		s.inFlight--
		if !p.owned {
			if s.leaving[p.base] == i {
				delete(s.leaving, p.base)
			}
			s.free = append(s.free, i)
			continue
		}
		var mask EventMask
		r, _ := s.request(i)
		old := p.look < look
		switch {
		case state == pollCancelled:
			s.late--
		case old, r.status.Status == windows.STATUS_CANCELLED, r.info.numberOfHandles == 0:
		case r.status.Status>>30 == 3:
			// The severity is error: who reads or writes will meet it.
			mask = p.events
		case r.info.events&afdLocalClose != 0:
			continue
		default:
			mask = afdMask(r.info.events) & p.events
		}
		if mask != 0 {
			dst = append(dst, Ready{s.table.find(p.fd).key, mask})
			s.queue(i)
		} else if err := s.ask(i); err == nil {
			// An empty answer to a new request can come again and again.
			asked = asked || old || state == pollCancelled
		} else if noMemory(err) {
			s.queue(i)
		}
	}
	w.n = 0
	return dst, asked
}

func (s *IOCPSelector) wake() error {
	s.waking.Store(true)
	err := s.post()
	if err != nil {
		s.waking.Store(false) // the core won't call drain
	}
	return err
}

func (s *IOCPSelector) drain() { s.waking.Store(false) }

func (s *IOCPSelector) post() error {
	err := windows.PostQueuedCompletionStatus(s.port, 0, 0, nil)
	return os.NewSyscallError("PostQueuedCompletionStatus", err)
}

// release takes back all requests before it closes the handles.
func (s *IOCPSelector) release() {
	for _, g := range s.groups {
		ntCancelIoFileEx(g.handle, nil)
	}
	// Waits that ended after Close have left their packets lying.
	for _, w := range s.waiters {
		s.discard(w)
	}
	w := &iocpWaiter{s: s, packets: make([]overlappedEntry, 64)}
	for s.inFlight > 0 {
		if w.receive(cancelGrace) != nil || w.n == 0 {
			break
		}
		s.discard(w)
	}
	kernelMemory.Lock()
	for _, g := range s.groups {
		windows.CloseHandle(g.handle)
		// If a packet is missing, which nobody has seen, the memory is
		// given up rather than given back.
		if s.inFlight == 0 {
			delete(kernelMemory.groups, g)
		}
	}
	kernelMemory.Unlock()
	windows.CloseHandle(s.port)
	s.groups, s.polls, s.waiters = nil, nil, nil
}

func (s *IOCPSelector) discard(w *iocpWaiter) {
	for _, packet := range w.packets[:w.n] {
		if packet.context != wakeContext {
			s.inFlight--
		}
	}
	w.n = 0
}

// baseSocket returns the socket that the driver knows: a layered service
// provider may have put one of its own before it. It fails with WSAENOTSOCK for
// whatever is no open socket.
func baseSocket(socket windows.Handle) (windows.Handle, error) {
	for {
		base, err := socketIoctl(socket, sioBaseHandle)
		if err == nil {
			return base, nil
		}
		// Some providers refuse that, in order to stay in the way, and yet
		// tell the next one down for polling (wepoll, trio and mio met them).
		next, nextErr := socketIoctl(socket, sioBspHandlePoll)
		if nextErr != nil || next == socket {
			return 0, os.NewSyscallError("WSAIoctl", err)
		}
		socket = next
	}
}

const (
	sioBaseHandle    = 0x48000022
	sioBspHandlePoll = 0x4800001d
)

// socketIoctl asks for a handle.
func socketIoctl(socket windows.Handle, code uint32) (handle windows.Handle, err error) {
	var n uint32
	err = windows.WSAIoctl(socket, code, nil, 0,
		(*byte)(unsafe.Pointer(&handle)), uint32(unsafe.Sizeof(handle)), &n, nil, 0)
	return handle, err
}

// What x/sys lacks.
var (
	ntdll    = windows.NewLazySystemDLL("ntdll.dll")
	kernel32 = windows.NewLazySystemDLL("kernel32.dll")

	procNtDeviceIoControlFile       = ntdll.NewProc("NtDeviceIoControlFile")
	procNtCancelIoFileEx            = ntdll.NewProc("NtCancelIoFileEx")
	procGetQueuedCompletionStatusEx = kernel32.NewProc("GetQueuedCompletionStatusEx")
)

// ntDeviceIoControlFile uses one buffer for question and answer.
func ntDeviceIoControlFile(file windows.Handle, context uintptr, status *windows.IO_STATUS_BLOCK, code uint32, buffer unsafe.Pointer, size uintptr) windows.NTStatus {
	r, _, _ := syscall.SyscallN(procNtDeviceIoControlFile.Addr(), uintptr(file), 0, 0, context, uintptr(unsafe.Pointer(status)),
		uintptr(code), uintptr(buffer), size, uintptr(buffer), size)
	return windows.NTStatus(r)
}

// ntCancelIoFileEx cancels a request, or all of a handle.
func ntCancelIoFileEx(file windows.Handle, request *windows.IO_STATUS_BLOCK) {
	var status windows.IO_STATUS_BLOCK
	syscall.SyscallN(procNtCancelIoFileEx.Addr(), uintptr(file), uintptr(unsafe.Pointer(request)), uintptr(unsafe.Pointer(&status)))
}

// getQueuedCompletionStatusEx returns the number of packets, 0 when the timeout
// is over. A negative timeout never ends.
func getQueuedCompletionStatusEx(port windows.Handle, packets []overlappedEntry, timeout time.Duration) (int, error) {
	ms := uintptr(windows.INFINITE)
	if timeout == 0 {
		ms = 0
	} else if timeout > 0 {
		ms = uintptr(ceil(timeout, time.Millisecond))
	}
	var n uint32
	ok, _, err := syscall.SyscallN(procGetQueuedCompletionStatusEx.Addr(), uintptr(port), uintptr(unsafe.Pointer(&packets[0])),
		uintptr(len(packets)), uintptr(unsafe.Pointer(&n)), ms, 0)
	if ok == 0 {
		if err == syscall.Errno(windows.WAIT_TIMEOUT) {
			return 0, nil
		}
		return 0, os.NewSyscallError("GetQueuedCompletionStatusEx", err)
	}
	return int(n), nil
}

func ntError(call string, status windows.NTStatus) error {
	return os.NewSyscallError(call, status.Errno())
}

// noMemory reports whether the system could do it with more memory.
func noMemory(err error) bool {
	se, ok := err.(*os.SyscallError)
	if !ok {
		return false
	}
	switch se.Err {
	case windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_NO_SYSTEM_RESOURCES,
		windows.ERROR_NOT_ENOUGH_QUOTA, windows.ERROR_WORKING_SET_QUOTA, windows.ERROR_COMMITMENT_LIMIT:
		return true
	}
	return false
}
