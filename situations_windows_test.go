// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"net"
	"os"

	"golang.org/x/sys/windows"
)

// Package net has no datagram sockets under Wine 8, which lacks an ioctl that
// net asks for (SIO_UDP_NETRESET).
func init() {
	situationListenUDP = func() (situationDatagram, error) { return newSelfBound() }
}

// A datagramSocket is a socket on 127.0.0.1.
type datagramSocket windows.Handle

func newSelfBound() (datagramSocket, error) {
	h, err := newSocket()
	if err != nil {
		return 0, err
	}
	if err := windows.Bind(h, &windows.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		windows.Closesocket(h)
		return 0, os.NewSyscallError("bind", err)
	}
	return datagramSocket(h), nil
}

func (d datagramSocket) WriteTo(b []byte, addr net.Addr) (int, error) {
	to := &windows.SockaddrInet4{Port: addr.(*net.UDPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	return len(b), windows.Sendto(windows.Handle(d), b, 0, to)
}

func (d datagramSocket) LocalAddr() net.Addr {
	sa, err := windows.Getsockname(windows.Handle(d))
	if err != nil {
		return nil
	}
	in := sa.(*windows.SockaddrInet4)
	return &net.UDPAddr{IP: in.Addr[:], Port: in.Port}
}

func (d datagramSocket) Close() error { return windows.Closesocket(windows.Handle(d)) }
