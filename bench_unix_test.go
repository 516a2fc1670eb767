// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"
)

func BenchmarkRegisterUnregister(b *testing.B) {
	benchmark(b, func(b *testing.B, s Selector, fds []any) {
		for i := 0; b.Loop(); i++ {
			fd := fds[i%len(fds)]
			if _, err := s.Unregister(fd); err != nil {
				b.Fatal(err)
			}
			if _, err := s.Register(fd, EventRead, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkModify(b *testing.B) {
	benchmark(b, func(b *testing.B, s Selector, fds []any) {
		events := EventRead
		for i := 0; b.Loop(); i++ {
			if i%len(fds) == 0 {
				events ^= EventWrite
			}
			if _, err := s.Modify(fds[i%len(fds)], events, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A pause, and its end.
func BenchmarkModifyHangup(b *testing.B) {
	benchmark(b, func(b *testing.B, s Selector, fds []any) {
		if _, err := s.Modify(fds[0], EventHangup, nil); errors.Is(err, errors.ErrUnsupported) {
			b.Skip(err)
		}
		events := EventHangup
		for i := 0; b.Loop(); i++ {
			if i%len(fds) == 0 {
				events ^= EventRead
			}
			if _, err := s.Modify(fds[i%len(fds)], events, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendReady(b *testing.B) {
	benchmark(b, func(b *testing.B, s Selector, fds []any) {
		ready, _ := s.AppendReady(nil, Forever) // once to warm up
		for b.Loop() {
			var err error
			ready, err = s.AppendReady(ready[:0], Forever)
			if err != nil || len(ready) != len(fds) {
				b.Fatalf("%d of %d are ready, %v", len(ready), len(fds), err)
			}
		}
	})
}

// Each wait is told of all, and they are armed again one by one.
func BenchmarkAppendReadyOnce(b *testing.B) {
	benchmark(b, func(b *testing.B, s Selector, fds []any) {
		for _, fd := range fds {
			if _, err := s.Modify(fd, EventRead|EventOnce, nil); err != nil {
				b.Fatal(err)
			}
		}
		var ready []Ready
		for b.Loop() {
			var err error
			ready, err = s.AppendReady(ready[:0], Forever)
			if err != nil || len(ready) != len(fds) {
				b.Fatalf("%d of %d are ready, %v", len(ready), len(fds), err)
			}
			for _, r := range ready {
				if _, err := s.Modify(r.Key, r.Key.Events, nil); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkSelect(b *testing.B) {
	benchmark(b, func(b *testing.B, s Selector, fds []any) {
		for b.Loop() {
			ready, err := s.Select(Forever)
			if err != nil || len(ready) != len(fds) {
				b.Fatalf("%d of %d are ready, %v", len(ready), len(fds), err)
			}
		}
	})
}

func BenchmarkNewDefaultSelectorClose(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s, err := NewDefaultSelector()
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmark runs a benchmark for each selector with 1, 100 and 1,000
// descriptors that are registered for reading and stay ready.
func benchmark(b *testing.B, run func(b *testing.B, s Selector, fds []any)) {
	for _, open := range constructors {
		for _, n := range []int{1, 100, 1000} {
			s, err := open()
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d", reflect.TypeOf(s).Elem().Name(), n), func(b *testing.B) {
				defer s.Close()
				fds := readable(b, n)
				for _, fd := range fds {
					if fd.(int) >= unix.FD_SETSIZE && reflect.TypeOf(s) == reflect.TypeFor[*SelectSelector]() {
						b.Skipf("descriptor %d doesn't fit into select's sets of %d", fd, unix.FD_SETSIZE)
					}
					if _, err := s.Register(fd, EventRead, nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				run(b, s, fds)
			})
		}
	}
}

// readable returns n descriptors of a pipe with a byte in it, as the file
// objects that they become by a caller's allocation.
func readable(b *testing.B, n int) []any {
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		b.Fatal(err)
	}
	fds := []any{p[0]}
	b.Cleanup(func() {
		unix.Close(p[1])
		for _, fd := range fds {
			unix.Close(fd.(int))
		}
	})
	if _, err := unix.Write(p[1], []byte{0}); err != nil {
		b.Fatal(err)
	}
	for len(fds) < n {
		fd, err := unix.Dup(p[0])
		if err != nil {
			b.Fatal(err)
		}
		fds = append(fds, fd)
	}
	return fds
}

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
