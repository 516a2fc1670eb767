// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.
//go:build unix

package selectors

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkTry writes 64 bytes and reads them, by the call in question and by what
// it stands for.
func BenchmarkTry(b *testing.B) {
	type call func(p []byte) (int, error)
	try := func(do func(any, []byte) (int, error), obj any) call {
		return func(p []byte) (int, error) { return do(obj, p) }
	}
	system := func(do func(int, []byte) (int, error), fd int) call {
		return func(p []byte) (int, error) { return do(fd, p) }
	}
	x, y := tcpPair(b)
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	var in, out any = fds[0], fds[1] // one allocation each, which is the caller's
	for _, bench := range []struct {
		name        string
		read, write call
	}{
		{"socket/Try", try(TryRead, in), try(TryWrite, out)},
		{"socket/TryRead", try(TryRead, in), system(unix.Write, fds[1])},
		{"socket/TryWrite", system(unix.Read, fds[0]), try(TryWrite, out)},
		{"socket/unix", system(unix.Read, fds[0]), system(unix.Write, fds[1])},
		{"TCPConn/Try", try(TryRead, net.Conn(x)), try(TryWrite, net.Conn(y))},
		{"TCPConn/net", x.Read, y.Write},
		{"File/Try", try(TryRead, r), try(TryWrite, w)},
		{"File/os", r.Read, w.Write},
	} {
		b.Run(bench.name, func(b *testing.B) {
			p := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				n, err := bench.write(p)
				if n != len(p) || err != nil {
					b.Fatal(n, err)
				}
				for n, err = bench.read(p); err == ErrWouldBlock; { // the loopback is not done
					n, err = bench.read(p)
				}
				if n != len(p) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkTryAccept(b *testing.B) {
	l := listenTCP(b)
	for _, bench := range []struct {
		name   string
		accept func() (net.Conn, error)
	}{
		{"TryAccept", func() (net.Conn, error) { return TryAccept(l) }},
		{"net", l.Accept},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, err := net.Dial("tcp4", l.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				s, err := bench.accept()
				for err == ErrWouldBlock {
					s, err = bench.accept()
				}
				if err != nil {
					b.Fatal(err)
				}
				s.Close()
				c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
		})
	}
}
