// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// An EventMask is a set of events: what a caller is interested in, or what a
// descriptor is ready for.
type EventMask uint32

const (
	// EventRead: a read, an accept or a receive would not block.
	EventRead EventMask = 1 << iota

	// EventWrite: a write would not block, or a connect has ended, well or
	// badly.
	EventWrite

	// EventPriority: the descriptor has an exceptional condition: urgent data
	// of a TCP connection, a state change of a pseudoterminal in packet mode,
	// a Linux pressure-stall trigger that fired, a changed /proc/self/mounts,
	// sysfs attribute or cgroup file.
	//
	// It is told apart from EventRead: EventRead doesn't report urgent data
	// alone, and EventPriority doesn't report ordinary data. On Linux, data that
	// was sent with MSG_OOB on a unix socket is both.
	//
	// If a system can't tell them apart, Register and Modify refuse EventPriority
	// with an error that matches [errors.ErrUnsupported]: KqueueSelector does on
	// FreeBSD and NetBSD, and on the other systems for what is not a socket.
	// PollSelector and SelectSelector take it everywhere.
	//
	// Linux forgets a pressure-stall event, and a change of /proc/self/mounts, as
	// soon as anybody polls the descriptor. These are reported once for each event,
	// not by level, and don't show on the Fd of a selector. The waits of a selector
	// don't lose them. The Go runtime takes them away: it polls what [os.Open] and
	// [os.NewFile] give, so open such files by unix.Open. A registration of the same
	// descriptor without EventPriority takes them away, too.
	EventPriority

	// EventHangup: nothing more will come from the other side. It has shut
	// its writing side, reset the connection or refused it; the last writer
	// of a pipe or FIFO is gone, or for a write end the last reader; the other
	// side of a terminal is gone.
	//
	// It stays, as any level, and it is told also while data that came before
	// it is unread. Ask for it alone to pause: neither data nor room for data ends a
	// wait then. A half-close is EventRead and EventHangup, a reset is every event
	// that was asked for. If a socket has an error and lives on (an unread error
	// queue, an ICMP error), that is every event that was asked for but EventHangup.
	//
	// A peer's end comes behind all that it wrote: while the socket's buffers are
	// full and nobody reads, it stays with the peer. A reset overtakes the data.
	// Your own CloseRead looks like the peer's end on unix: EventHangup and EventRead
	// show at once and stay, although the peer may still send.
	//
	// If a system can't tell a half-close from data, Register and Modify refuse
	// EventHangup with an error that matches [errors.ErrUnsupported]:
	// SelectSelector does everywhere, PollSelector and DevpollSelector if the
	// system has no POLLRDHUP, KqueueSelector for terminals on NetBSD.
	EventHangup

	// EventOnce is no event but a manner, and is asked for beside others: the key
	// is returned by one wait, to one goroutine, once, with all that is ready
	// then. After that it rests. Nothing of it is reported, no hang-up either,
	// and it ends no wait, until [Selector.Modify] arms it again, with the same
	// mask too. What is ready then is reported, also if it came meanwhile.
	//
	// Without it, two goroutines that wait on one selector may be told of the same
	// descriptor. Every selector has it. It is never in [Ready.Events], and alone it
	// is refused with [ErrInvalidEvents].
	EventOnce

	allEvents = EventRead | EventWrite | EventPriority | EventHangup
)

// valid reports whether a registration can have the mask.
func (m EventMask) valid() bool { return m&allEvents != 0 && m&^(allEvents|EventOnce) == 0 }

// String returns the names of the events joined by "|", such as
// "EventRead|EventWrite", "0" for the empty mask, and unknown bits in
// hexadecimal.
func (m EventMask) String() string {
	if m == 0 {
		return "0"
	}
	var names []string
	for i, name := range [...]string{"EventRead", "EventWrite", "EventPriority", "EventHangup", "EventOnce"} {
		if m&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if unknown := m &^ (allEvents | EventOnce); unknown != 0 {
		names = append(names, "0x"+strconv.FormatUint(uint64(unknown), 16))
	}
	return strings.Join(names, "|")
}

// A SelectorKey describes one registration. It is immutable: [Selector.Modify]
// makes a new one.
//
// Unregister, Modify and GetKey take a key in the place of the file object. It
// stands for its own registration: if Modify has replaced it, or its registration
// has ended, they return [ErrNotRegistered], whatever the number names by now.
// Register and the Try functions refuse a key with [ErrInvalidFileObj]: give them
// its FileObj.
type SelectorKey struct {
	FileObj any       // the file object given to Register
	FD      int       // its descriptor; on Windows its socket handle
	Events  EventMask // the events that are waited for
	Data    any       // the data given to Register or Modify
}

// String returns one line for a person, such as
// "fd 7 (*net.TCPConn): EventRead, data string". It names the types of the
// file object and of the data, and calls no method of theirs.
func (k *SelectorKey) String() string {
	if k == nil {
		return "<nil>"
	}
	return k.line(k.Events)
}

func (k *SelectorKey) line(events EventMask) string {
	line := fmt.Sprintf("fd %d (%T): %v", k.FD, k.FileObj, events)
	if k.Data != nil {
		line += fmt.Sprintf(", data %T", k.Data)
	}
	return line
}

// A Ready is a key and the events that its descriptor is ready for. They are
// among the events that the key asks for.
type Ready struct {
	Key    *SelectorKey
	Events EventMask
}

// String returns one line for a person, as [SelectorKey.String] does, with the
// events that are ready.
func (r Ready) String() string {
	if r.Key == nil {
		return "<nil>: " + r.Events.String()
	}
	return r.Key.line(r.Events)
}

// Forever is the timeout of a wait without end.
const Forever = time.Duration(math.MaxInt64)

// The errors of this package, to be tested for by [errors.Is]. What the system
// refuses is an [*os.SyscallError] around its error number.
var (
	// ErrInvalidEvents: the mask is empty, is EventOnce alone, or has unknown bits.
	ErrInvalidEvents = errors.New("invalid events")

	// ErrInvalidFileObj: not a file object, nil, closed and not registered, or
	// a number that can't be a descriptor.
	ErrInvalidFileObj = errors.New("invalid file object")

	// ErrRegistered: Register of a descriptor that has a key. Most often the number's
	// earlier owner was closed before it was unregistered.
	ErrRegistered = errors.New("descriptor is already registered")

	// ErrNotRegistered: Unregister, Modify or GetKey of a descriptor that has no
	// key, or of a key whose registration has ended or was modified.
	ErrNotRegistered = errors.New("descriptor is not registered")

	// ErrClosed: the selector is closed, or was never made by a constructor.
	// It matches [os.ErrClosed] as well.
	ErrClosed error = closedError{}
)

type closedError struct{}

func (closedError) Error() string        { return "selector is closed" }
func (closedError) Is(target error) bool { return target == os.ErrClosed }

// errPriority is what a backend's add and modify return for an EventPriority
// that the system can't tell apart. Nothing has changed then.
var errPriority = fmt.Errorf("EventPriority: %w by this selector; SelectSelector and PollSelector take it", errors.ErrUnsupported)

// errHangup is the same for EventHangup. The core returns it for a call that has no word
// for a hang-up.
var errHangup = fmt.Errorf("EventHangup: %w by this selector", errors.ErrUnsupported)

// opError names the call, the type of the file object and the descriptor, as
// far as it is known.
func opError(call string, fileobj any, fd int, ferr, err error) error {
	if ferr != nil {
		return fmt.Errorf("selectors: %s of %T: %w", call, fileobj, err)
	}
	return fmt.Errorf("selectors: %s of %T (descriptor %d): %w", call, fileobj, fd, err)
}

func waitError(call string, err error) error {
	if err == nil || err == errCancelled || err == errUnwatched {
		return err
	}
	return fmt.Errorf("selectors: %s: %w", call, err)
}

func eventsError(events EventMask) error {
	return fmt.Errorf("%w: %v", ErrInvalidEvents, events)
}

// A Selector watches descriptors and tells which of them are ready.
//
// Every method may be called from any goroutine at any time. On a closed
// selector every method but Close and GetMap returns [ErrClosed].
type Selector interface {
	// Register starts to watch a file object for the given events and returns
	// its key, to which data is attached.
	//
	// A file object is a value of any integer type (a descriptor; on Windows
	// a socket handle), a [syscall.Conn] (net.Conn, net.Listener,
	// net.PacketConn and *os.File are), or anything with a method
	// Fd() uintptr, asked in this order. The descriptor is taken once. It is
	// never duplicated, never put into another mode, and never closed.
	//
	// Register never waits for a blocked Select, and takes effect in it at
	// once. If it fails, it leaves nothing behind. Its errors are ErrClosed,
	// ErrInvalidEvents, ErrInvalidFileObj, ErrRegistered, for EventPriority and
	// EventHangup errors.ErrUnsupported, and an *os.SyscallError, such as EBADF
	// for a closed descriptor, EPERM for a regular file under epoll, EINVAL for a
	// descriptor that doesn't fit into select's sets.
	Register(fileobj any, events EventMask, data any) (*SelectorKey, error)

	// Unregister ends the watch and returns the key. It takes the file object, or
	// the key itself, and succeeds for a descriptor that was closed, or closed
	// and reused. A Select that starts after it has returned doesn't report the
	// key. Its errors are ErrClosed, ErrInvalidFileObj and ErrNotRegistered.
	Unregister(fileobj any) (*SelectorKey, error)

	// Modify changes the events and the data of a registration and returns
	// the new key, which keeps the FileObj given to Register. It takes the file
	// object, or the key itself. If the events are the same it makes no system
	// call, but for a key with EventOnce, which it arms again.
	//
	// Its errors are ErrClosed, ErrInvalidEvents, ErrInvalidFileObj,
	// ErrNotRegistered and errors.ErrUnsupported, which change nothing, and
	// an *os.SyscallError, after which the descriptor is unregistered.
	Modify(fileobj any, events EventMask, data any) (*SelectorKey, error)

	// Select waits until at least one descriptor is ready or the timeout is
	// over, and returns every ready descriptor, each once. It waits at least
	// as long as timeout says. If timeout is zero or negative, it looks and
	// doesn't block. If it is [Forever], it blocks without end. With nothing
	// registered it waits all the same. The slice is the caller's.
	//
	// A blocked wait takes a thread. Any number of blocked waits on one selector
	// takes one. What is ready is told to at least one of them.
	//
	// Its errors are ErrClosed and, if the system is out of memory or descriptors,
	// an *os.SyscallError.
	Select(timeout time.Duration) ([]Ready, error)

	// AppendReady is Select into the caller's slice, which may be nil. It
	// appends what is ready, and allocates nothing after its first calls. It
	// returns dst itself on an error, and if nothing is ready.
	AppendReady(dst []Ready, timeout time.Duration) ([]Ready, error)

	// SelectContext waits until something is ready or ctx is done. If ctx is
	// done it returns ctx.Err(). If ctx is done already it doesn't look. If a
	// descriptor is found ready as ctx ends, it is returned with a nil error.
	// SelectContext panics if ctx is nil.
	SelectContext(ctx context.Context) ([]Ready, error)

	// Wakeup ends all waits that are blocked now. If none is, the next wait of any
	// kind returns at once. A wait that Wakeup ends returns what is ready, perhaps
	// nothing, and a nil error. Several calls before a wait returns count as one.
	Wakeup() error

	// GetKey returns the key of a registered file object. Given a key, it says
	// whether that is still the one. Its errors are ErrClosed, ErrInvalidFileObj
	// and ErrNotRegistered.
	GetKey(fileobj any) (*SelectorKey, error)

	// GetMap returns a live read-only view of the registrations, nil if the
	// selector is closed.
	GetMap() *Map

	// Close ends every blocked wait with ErrClosed, and doesn't wait until they
	// have returned. What the selector holds is freed at once, or when the last
	// of these waits returns. Registered descriptors stay open. A second Close
	// returns nil again.
	Close() error
}

// NewDefaultSelector returns the most efficient selector that works on the
// running system: the first of epoll, kqueue, /dev/poll or IOCP, then poll,
// then select, whose constructor succeeds. A system may have none
// ([errors.ErrUnsupported]), or lack descriptors or memory for any; the error
// holds the answer of each.
func NewDefaultSelector() (Selector, error) {
	if len(constructors) == 0 {
		return nil, fmt.Errorf("selectors: NewDefaultSelector on %s: %w", runtime.GOOS, errors.ErrUnsupported)
	}
	var errs []error
	for _, open := range constructors {
		s, err := open()
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// generic turns a selector's constructor into one of the interface.
func generic[S Selector](open func() (S, error)) func() (Selector, error) {
	return func() (Selector, error) {
		s, err := open()
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}
