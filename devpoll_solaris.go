// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Event ports would be the other way to wait here. port_associate(3C) is
// one-shot: an event ends its association, so that each ready descriptor would
// cost a call of its own before the next wait, and the waits would have to agree
// on who makes it. In exchange a close would end the association, an event
// would name its registration, port_send(3C) would take the place of the pipe
// that wakes, and the selector could be registered in another one.

// A DevpollSelector waits by /dev/poll (poll(4D)). It takes any descriptor
// that can be polled; regular files are always ready, and a TCP socket that
// was never connected is never ready. Each wait costs time in proportion to what is
// ready, and counts its timeout in milliseconds.
//
// The error of a socket shows as readable and writable, until a read takes it. It
// doesn't show if only [EventPriority] was asked for, and [EventHangup] shows beside
// the other two only once a read has taken it. If the system fails to poll a
// descriptor, it is reported once, as ready for all that was asked for.
//
// EventHangup is refused with an error that matches [errors.ErrUnsupported] if the
// running kernel has no POLLRDHUP: illumos has it since 2015.
type DevpollSelector struct{ devpoll }

// NewDevpollSelector returns a selector that waits by /dev/poll. It fails with an
// [*os.SyscallError] if there is none, as in some zones (ENOENT), or if the system
// is out of descriptors.
func NewDevpollSelector() (*DevpollSelector, error) {
	fd, err := unix.Open("/dev/poll", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	if fd, err = aboveStandard(fd); err != nil {
		return nil, err
	}
	s := new(DevpollSelector)
	if err := s.start(devpollFile(fd), fd); err != nil {
		return nil, err
	}
	return s, nil
}

// Fd returns the descriptor of the device, and ^uintptr(0) once the selector
// is closed. It can't be registered in another selector: the device can't be
// polled itself, and would always count as ready.
func (s *DevpollSelector) Fd() uintptr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return ^uintptr(0)
	}
	return uintptr(s.fd)
}

// A devpollFile is the descriptor of a /dev/poll.
type devpollFile int

func (f devpollFile) write(fds []unix.PollFd) error {
	size := uintptr(len(fds)) * unsafe.Sizeof(fds[0])
	_, err := unix.Write(int(f), unsafe.Slice((*byte)(unsafe.Pointer(&fds[0])), size))
	return err
}

// dpPoll is DP_POLL in sys/devpoll.h.
const dpPoll = 0xd001

// dvpoll is the struct of the same name in sys/devpoll.h, for 64 bit. The
// manual page has an int for nfds.
type dvpoll struct {
	fds     *unix.PollFd
	nfds    uint64
	timeout int32 // milliseconds, -1 for none
	setp    uintptr
}

func (f devpollFile) poll(fds []unix.PollFd, ms int) (int, error) {
	arg := dvpoll{fds: &fds[0], nfds: uint64(len(fds)), timeout: int32(ms)}
	// Of the functions of x/sys that pass a pointer to ioctl this one
	// returns the result as well. It doesn't look at what it points to.
	return unix.IoctlSetStrioctlRetInt(int(f), dpPoll, (*unix.Strioctl)(unsafe.Pointer(&arg)))
}

func (f devpollFile) close() { unix.Close(int(f)) }
