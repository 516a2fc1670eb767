// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"cmp"
	"math/bits"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Windows has no call that tells which of many sockets are ready, but its
// socket driver, AFD, takes requests to be told when one is (IOCTL_AFD_POLL).
// No manual describes them; winsock's own select and WSAPoll are made of them,
// and libraries live on them (libuv, wepoll, mio). This is how they are used:
//
//   - A request is for one socket and for once. The next look asks again for what
//     was reported, and is answered at once if the socket is still ready. So looks
//     are level-triggered.
//   - When a request has ended, a packet that names it comes through the port.
//     Until then the kernel may write to the request's memory, whatever happened
//     to the registration, the selector and the socket meanwhile.
//   - Two requests of one port for one socket disturb each other (trio#52,
//     wepoll#35), so there is one for each registration. A change cancels it and
//     makes another one, in memory of its own. The driver has given up a cancelled
//     request when the call returns (mio and trio live on that as well), but its
//     packet comes later.

// An afdPort is a completion port, with all that comes through it: the requests
// and the handles that they are made by. It is what the system has given to an
// IOCPSelector.
type afdPort struct {
	handle   windows.Handle // constant
	timer    portTimer      // of who waits
	groups   []*afdGroup
	room     int          // the first group with an unused poll; len(groups) if all are full
	inFlight atomic.Int64 // requests whose packet nobody has taken yet
}

// An afdGroup is an open handle of the socket driver, and the requests that are
// made by it. Cancelling one searches all the requests of its handle, which is
// why a handle is not used for more.
type afdGroup struct {
	handle windows.Handle
	free   uint32 // a bit for each of polls that is in nobody's use
	polls  [groupSize]afdPoll
}

const (
	groupSize = 32
	allFree   = 1<<groupSize - 1
)

// An afdPoll is a request. Its index, over all groups, stands in its packet.
type afdPoll struct {
	status windows.IO_STATUS_BLOCK // the kernel's
	info   afdPollInfo             // the kernel's
	_      uint32                  // see afdPollInfoSize

	fd      int // 0 if it belongs to no registration
	base    windows.Handle
	events  EventMask // what is registered
	pending bool      // its packet is still to come
	queued  bool      // it is in the selector's list asks
	look    uint64    // the look that asked last
	group   *afdGroup
	index   uint32
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

	afdFailed = afdAbort | afdConnectFail
)

// afdEvents has what the driver is asked for, and what it answers. A peer's
// half-close lasts, and would end every poll for writing: it is asked for together
// with reading and EventHangup alone. AFD_POLL_CONNECT lasts as long as the
// connection, and is not asked for at all.
var afdEvents = [...]struct {
	event EventMask
	bits  uint32
}{
	{EventRead, afdReceive | afdAccept | afdDisconnect | afdFailed},
	{EventWrite, afdSend | afdFailed},
	{EventPriority, afdReceiveExpedited | afdFailed},
	{EventHangup, afdDisconnect | afdFailed},
}

// An overlappedEntry is OVERLAPPED_ENTRY, a packet.
type overlappedEntry struct {
	key      uintptr // one of those below, or it is somebody else's
	context  uintptr // a poll's index plus one: without a context the kernel sends no packet
	internal uintptr
	bytes    uint32
}

const (
	wakeKey = iota
	timerKey
	pollKey
)

// newPort opens a completion port.
func newPort() (*afdPort, error) {
	// The number of threads that may run must not be limited: the system
	// counts one that took a packet as running until it waits again, and
	// lets others sleep beside a packet.
	handle, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 0xffffffff)
	if err != nil {
		return nil, os.NewSyscallError("CreateIoCompletionPort", err)
	}
	return &afdPort{handle: handle, timer: newPortTimer()}, nil
}

// drivers has the handles of the socket driver that are open in this process. A
// request about one of them, by the number of a socket that was closed while
// registered, ends Wine's server (an assertion in set_fd_events).
var drivers sync.Map

// createGroup makes room for more polls.
func (p *afdPort) createGroup() error {
	// A name below the device opens the driver without a socket.
	name, _ := windows.NewNTUnicodeString(`\Device\Afd\Selectors`)
	attributes := windows.OBJECT_ATTRIBUTES{ObjectName: name}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	g := &afdGroup{free: allFree}
	var status windows.IO_STATUS_BLOCK
	err := windows.NtCreateFile(&g.handle, windows.SYNCHRONIZE, &attributes, &status, nil, 0,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, windows.FILE_OPEN, 0, 0, 0)
	if err != nil {
		return os.NewSyscallError("NtCreateFile", err.(windows.NTStatus).Errno())
	}
	drivers.Store(g.handle, nil)
	_, err = windows.CreateIoCompletionPort(g.handle, p.handle, pollKey, 0)
	err = cmp.Or(os.NewSyscallError("CreateIoCompletionPort", err), g.configure())
	if err != nil {
		g.close()
		return err
	}
	p.groups = append(p.groups, g)
	return nil
}

func (g *afdGroup) configure() error {
	// Not FILE_SKIP_COMPLETION_PORT_ON_SUCCESS: a poll that ends at once has a
	// packet as well.
	err := windows.SetFileCompletionNotificationModes(g.handle, windows.FILE_SKIP_SET_EVENT_ON_HANDLE)
	return os.NewSyscallError("SetFileCompletionNotificationModes", err)
}

func (g *afdGroup) close() {
	drivers.Delete(g.handle)
	windows.CloseHandle(g.handle)
}

// full reports whether no poll is unused.
func (p *afdPort) full() bool { return p.room == len(p.groups) }

// allocate returns a poll that was unused.
func (p *afdPort) allocate() (*afdPoll, error) {
	if p.full() {
		if err := p.createGroup(); err != nil {
			return nil, err
		}
	}
	g := p.groups[p.room]
	k := bits.TrailingZeros32(g.free)
	g.free &^= 1 << k
	g.polls[k].group, g.polls[k].index = g, uint32(p.room*groupSize+k)
	for !p.full() && p.groups[p.room].free == 0 {
		p.room++
	}
	return &g.polls[k], nil
}

// give makes a poll unused, and closes what is then needed no more, but for one
// handle: who comes and goes must not open and close one each time.
func (p *afdPort) give(poll *afdPoll) {
	poll.group.free |= 1 << (poll.index % groupSize)
	p.room = min(p.room, int(poll.index/groupSize))
	for n := len(p.groups); n > 1 && p.groups[n-1].free == allFree && p.groups[n-2].free == allFree; n-- {
		p.groups[n-1].close()
		p.groups = slices.Delete(p.groups, n-1, n)
	}
}

// poll returns a poll by its index.
func (p *afdPort) poll(i uint32) *afdPoll { return &p.groups[i/groupSize].polls[i%groupSize] }

// ask makes a request. It fails with WSAENOTSOCK if the number names no socket any
// more. wepoll and mio, too, take no other error for that.
func (p *afdPort) ask(poll *afdPoll, look uint64) error {
	interest := uint32(afdLocalClose)
	for _, of := range afdEvents {
		if poll.events&of.event != 0 {
			interest |= of.bits
		}
	}
	poll.look = look
	poll.info = afdPollInfo{timeout: 1<<63 - 1, numberOfHandles: 1, handle: poll.base, events: interest}
	status := windows.NTStatus(windows.STATUS_INVALID_HANDLE)
	if _, ours := drivers.Load(poll.base); !ours {
		status = ntDeviceIoControlFile(poll.group.handle, uintptr(poll.index)+1, &poll.status,
			ioctlAfdPoll, unsafe.Pointer(&poll.info), afdPollInfoSize)
	}
	switch {
	case status == 0, status == windows.STATUS_PENDING:
		poll.pending = true
		p.inFlight.Add(1)
		return nil
	case status.Errno() == windows.ERROR_INVALID_HANDLE:
		// Unless somebody has closed the driver's handle.
		return cmp.Or(poll.group.configure(), os.NewSyscallError("NtDeviceIoControlFile", windows.WSAENOTSOCK))
	}
	return os.NewSyscallError("NtDeviceIoControlFile", status.Errno())
}

// receive takes packets. It returns the buffer, which has grown until not all of
// it was needed. A negative timeout never ends.
func (p *afdPort) receive(buf []overlappedEntry, timeout time.Duration) ([]overlappedEntry, error) {
	for buf = slices.Grow(buf[:0], 8); ; timeout = 0 {
		room := buf[len(buf):cap(buf)]
		n, err := getQueuedCompletionStatusEx(p.handle, room, timeout)
		for _, packet := range room[:n] {
			if packet.key == pollKey {
				p.inFlight.Add(-1)
			}
		}
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) == 0:
			return buf, err
		case n < len(room):
			return buf, nil // an error must not lose the packets
		}
		buf = slices.Grow(buf, len(buf))
	}
}

// release takes back all requests before it closes the handles.
func (p *afdPort) release() {
	for _, g := range p.groups {
		ntCancelIoFileEx(g.handle, nil)
	}
	for p.inFlight.Load() > 0 {
		// A packet goes by way of the thread that made the request: the kernel
		// interrupts that one for it. Nobody has seen that one is missing.
		if packets, err := p.receive(nil, 100*time.Millisecond); err != nil || len(packets) == 0 {
			abandoned.Store(p, p.groups)
			break
		}
	}
	for _, g := range p.groups {
		g.close()
	}
	p.groups = nil
	p.timer.close()
	windows.CloseHandle(p.handle)
}

// abandoned has the groups whose memory the kernel may still write to, although
// their port is gone.
var abandoned sync.Map

// A portTimer ends a wait at a completion port more exactly than the timeout of the
// wait can, which counts ticks of 15.6 ms: who waits for 1 ms is to wait little more,
// as by Go's own timers. A look may take the timer's packet out of the port. Then
// the timeout ends the wait.
type portTimer struct {
	timer  windows.Handle // 0 if the system has none of the kind
	packet windows.Handle // a wait completion packet, which ties the timer to the port
}

func newPortTimer() (t portTimer) {
	if createWaitPacket.Find() != nil {
		return t
	}
	// 2 is CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, from Windows 10 1803 on, and 3 is
	// TIMER_QUERY_STATE and TIMER_MODIFY_STATE.
	timer, _, _ := syscall.SyscallN(procCreateWaitableTimerEx.Addr(), 0, 0, 2, windows.SYNCHRONIZE|3)
	if timer != 0 {
		t.timer = windows.Handle(timer)
		// If there is no memory for it, no wait will be tied to the timer.
		syscall.SyscallN(createWaitPacket.Addr(), uintptr(unsafe.Pointer(&t.packet)), windows.GENERIC_ALL, 0)
	}
	return t
}

// arm makes a packet come to the port after d, and reports whether it will.
func (t *portTimer) arm(port windows.Handle, d time.Duration) bool {
	if t.timer == 0 {
		return false
	}
	due := -ceil(d, 100) // negative is from now on, in units of 100 ns
	syscall.SyscallN(procSetWaitableTimer.Addr(), uintptr(t.timer), uintptr(unsafe.Pointer(&due)), 0, 0, 0, 0)
	status, _, _ := syscall.SyscallN(associateWaitPacket.Addr(), uintptr(t.packet), uintptr(port), uintptr(t.timer),
		timerKey, 0, 0, 0, 0)
	// It fails where the packet of the last wait is still on its way.
	return status == 0
}

// disarm takes the packet back, also from the port.
func (t *portTimer) disarm() {
	syscall.SyscallN(cancelWaitPacket.Addr(), uintptr(t.packet), 1)
}

func (t *portTimer) close() {
	if t.timer != 0 {
		windows.CloseHandle(t.packet)
		windows.CloseHandle(t.timer)
	}
}

// baseSocket returns the socket that the driver knows: a layered service
// provider may have put one of its own before it. It fails with WSAENOTSOCK for
// what is no open socket, but on Wine 8, which takes any handle.
func baseSocket(socket windows.Handle) (windows.Handle, error) {
	base, err := socketIoctl(socket, sioBaseHandle)
	if err == nil {
		return base, nil
	}
	// Some providers refuse that, in order to stay in the way, and yet tell the
	// next one down for polling (wepoll, trio and mio met them).
	next, refused := socketIoctl(socket, sioBspHandlePoll)
	if refused == nil && next != socket {
		return baseSocket(next)
	}
	// Wine 10 has an error of its own for each kind of handle.
	return 0, cmp.Or(checkOpen(socket), os.NewSyscallError("WSAIoctl", err))
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
