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
	// alone, and EventPriority doesn't report ordinary data. (Data that was sent
	// with MSG_OOB on a unix socket is both on Linux.) Where a system can't tell them apart, Register and Modify
	// refuse EventPriority with an error that matches
	// [errors.ErrUnsupported]: KqueueSelector does on FreeBSD and NetBSD,
	// and on the other systems for what is not a socket. PollSelector and
	// SelectSelector take it everywhere.
	//
	// Linux forgets a pressure-stall event and a change of /proc/self/mounts
	// as soon as anybody polls the descriptor (psi_trigger_poll,
	// mounts_poll), and so with /proc/sys/kernel/hostname (proc_sys_poll). These
	// are reported once for each event instead of by level. A selector's own wait doesn't lose them, but others take them
	// away: a nested selector's outer one, and the Go runtime, which polls
	// whatever [os.Open] and [os.NewFile] give. Open such files by
	// unix.Open. On EpollSelector, Register and a change of the mask by Modify
	// poll the descriptor as well (ep_insert, ep_modify), and take an event
	// that came before and was not reported yet.
	EventPriority

	// EventHangup: nothing more will come from the other side. It has shut
	// its writing side, reset the connection or refused it; the last writer
	// of a pipe or FIFO is gone, or for a write end the last reader; the other
	// side of a terminal is gone.
	//
	// It stays, as any level, and it is told also while data that came before
	// it is unread. Asked for alone it is a pause: neither data nor room for
	// data ends a wait. A half-close is EventRead and EventHangup, a reset is
	// every event asked for. A peer's end comes behind all that it wrote: while
	// the socket's buffers are full and nobody reads, it stays with the peer.
	// A reset overtakes the data.
	//
	// Where a system can't tell a half-close from data, Register and Modify
	// refuse EventHangup with an error that matches [errors.ErrUnsupported]:
	// SelectSelector does everywhere, PollSelector and DevpollSelector where
	// the system has no POLLRDHUP.
	EventHangup

	// EventOnce is no event but a manner: the key is returned once, by one wait,
	// to one goroutine, with all that is ready at that moment. Then it rests:
	// nothing of it is reported, no hang-up either, and it ends no wait, until
	// Modify arms it again. Modify does so with the same mask too. A hang-up that
	// came meanwhile is reported after that.
	//
	// It makes several goroutines on one selector right: without it two of them
	// may be told of one descriptor. It goes with at least one event, and is never
	// in [Ready.Events]. Every selector has it.
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

// A SelectorKey describes one registration. It is immutable:
// [Selector.Modify] makes a new one.
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
	// ErrInvalidEvents: the mask is empty, EventOnce alone, or has unknown bits.
	ErrInvalidEvents = errors.New("invalid events")

	// ErrInvalidFileObj: not a file object, nil, closed and not registered, or
	// a number that can't be a descriptor.
	ErrInvalidFileObj = errors.New("invalid file object")

	// ErrRegistered: Register of a descriptor that has a key.
	ErrRegistered = errors.New("descriptor is already registered")

	// ErrNotRegistered: Unregister, Modify or GetKey of a descriptor that has
	// no key.
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

// errHangup is the same for EventHangup.
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
	// Fd() uintptr, asked in this order. The descriptor is taken once, and
	// never duplicated, never put into another mode, and never closed.
	//
	// Register never waits for a blocked Select, and takes effect in it at
	// once. Where it fails, it leaves nothing behind. Its errors are ErrClosed,
	// ErrInvalidEvents, ErrInvalidFileObj, ErrRegistered, for EventPriority
	// errors.ErrUnsupported, and an *os.SyscallError, such as EBADF for a
	// closed descriptor, EPERM for a regular file under epoll, EINVAL for a
	// descriptor that doesn't fit into select's sets.
	Register(fileobj any, events EventMask, data any) (*SelectorKey, error)

	// Unregister ends the watch and returns the key. It succeeds for a
	// descriptor that was closed, or closed and reused. A Select that starts
	// after it has returned doesn't report the key. Its errors are ErrClosed,
	// ErrInvalidFileObj and ErrNotRegistered.
	Unregister(fileobj any) (*SelectorKey, error)

	// Modify changes the events and the data of a registration and returns
	// the new key, which keeps the FileObj given to Register. Where the events
	// are the same it makes no system call.
	//
	// Its errors are ErrClosed, ErrInvalidEvents, ErrInvalidFileObj,
	// ErrNotRegistered and errors.ErrUnsupported, which change nothing, and
	// an *os.SyscallError, after which the descriptor is unregistered.
	Modify(fileobj any, events EventMask, data any) (*SelectorKey, error)

	// Select waits until at least one descriptor is ready or the timeout is
	// over, and returns every ready descriptor, each once. It waits at least
	// as long as timeout says, does not block if that is zero or negative, and
	// blocks without end if it is [Forever]. With nothing registered it waits
	// all the same. The slice is the caller's. Its errors are ErrClosed and,
	// where the system is out of memory or descriptors, an *os.SyscallError.
	Select(timeout time.Duration) ([]Ready, error)

	// AppendReady is Select into the caller's slice, which may be nil. It
	// appends what is ready, and allocates nothing after its first calls. It
	// returns dst itself on an error, and if nothing is ready.
	AppendReady(dst []Ready, timeout time.Duration) ([]Ready, error)

	// SelectContext waits until something is ready or ctx is done. If ctx is
	// done it returns ctx.Err(). If ctx is done already it doesn't look. A
	// descriptor that is found ready as ctx ends is returned with a nil error.
	// It panics if ctx is nil.
	SelectContext(ctx context.Context) ([]Ready, error)

	// Wakeup ends the waits that are blocked now. If nobody waits, the next wait
	// returns at once, of whatever kind it is. A wait that Wakeup ends returns
	// what is ready, perhaps nothing, and a nil error. Several calls before a
	// wait returns count as one.
	Wakeup() error

	// GetKey returns the key of a registered file object. Its errors are
	// ErrClosed, ErrInvalidFileObj and ErrNotRegistered.
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
