// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package docs

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors"
)

// The code of docs/instead.md: the same program by hand, and with a selector.

func readBySelect(fd int, stop *atomic.Bool, got func([]byte)) error {
	buf := make([]byte, 4096)
	for !stop.Load() {
		var set unix.FdSet
		set.Set(fd)                             // panics from 1024 on
		timeout := unix.Timeval{Usec: 50 * 1e3} // to look at stop
		n, err := unix.Select(fd+1, &set, nil, nil, &timeout)
		if err == unix.EINTR || err == nil && n == 0 {
			continue
		}
		if err != nil {
			return err
		}
		n, err = unix.Read(fd, buf)
		if n <= 0 {
			return err
		}
		got(buf[:n])
	}
	return nil
}

func readBySelector(ctx context.Context, fd int, got func([]byte)) error {
	sel, err := selectors.NewDefaultSelector()
	if err != nil {
		return err
	}
	defer sel.Close()
	if _, err := sel.Register(fd, selectors.EventRead, nil); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	for {
		if _, err := sel.SelectContext(ctx); err != nil {
			return err // ctx.Err(), at once
		}
		n, err := selectors.TryRead(fd, buf)
		if errors.Is(err, selectors.ErrWouldBlock) {
			continue
		}
		if err != nil {
			return err // io.EOF, too
		}
		got(buf[:n])
	}
}

func TestReadUntilStopped(t *testing.T) {
	for name, run := range map[string]func(fd int, stop func(), got func([]byte)) error{
		"select": func(fd int, stop func(), got func([]byte)) error {
			var flag atomic.Bool
			return readBySelect(fd, &flag, func(p []byte) { got(p); stop(); flag.Store(true) })
		},
		"selector": func(fd int, stop func(), got func([]byte)) error {
			ctx, cancel := context.WithCancel(context.Background())
			err := readBySelector(ctx, fd, func(p []byte) { got(p); cancel() })
			if err == context.Canceled {
				return nil
			}
			return err
		},
	} {
		var p [2]int
		if err := unix.Pipe(p[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(p[1], []byte("hello")); err != nil {
			t.Fatal(err)
		}
		text := ""
		if err := run(p[0], func() {}, func(p []byte) { text += string(p) }); err != nil || text != "hello" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		unix.Close(p[0])
		unix.Close(p[1])
	}
}

// A cancellable reader, such as programs have for terminals.

type pollReader struct{ fd, cancelled, cancel int } // the last two are a pipe

func newPollReader(fd int) (*pollReader, error) {
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		return nil, err
	}
	unix.CloseOnExec(p[0]) // a child of another goroutine may have them by now
	unix.CloseOnExec(p[1])
	return &pollReader{fd, p[0], p[1]}, nil
}

func (r *pollReader) Read(p []byte) (int, error) {
	fds := []unix.PollFd{
		{Fd: int32(r.fd), Events: unix.POLLIN},
		{Fd: int32(r.cancelled), Events: unix.POLLIN},
	}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case fds[1].Revents != 0:
			return 0, os.ErrClosed
		}
		return unix.Read(r.fd, p)
	}
}

func (r *pollReader) Cancel() { unix.Write(r.cancel, []byte{0}) }

type selectorReader struct {
	fd  int
	sel selectors.Selector
}

func newSelectorReader(fd int) (*selectorReader, error) {
	sel, err := selectors.NewDefaultSelector()
	if err != nil {
		return nil, err
	}
	if _, err := sel.Register(fd, selectors.EventRead, nil); err != nil {
		sel.Close()
		return nil, err
	}
	return &selectorReader{fd, sel}, nil
}

func (r *selectorReader) Read(p []byte) (int, error) {
	for {
		if _, err := r.sel.Select(selectors.Forever); err != nil {
			return 0, err // matches os.ErrClosed after Cancel
		}
		n, err := selectors.TryRead(r.fd, p)
		if !errors.Is(err, selectors.ErrWouldBlock) {
			return n, err
		}
	}
}

func (r *selectorReader) Cancel() { r.sel.Close() }

func TestCancellableReaders(t *testing.T) {
	type canceller interface {
		io.Reader
		Cancel()
	}
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	old, err := newPollReader(p[0])
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(old.cancelled)
	defer unix.Close(old.cancel)
	new, err := newSelectorReader(p[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []canceller{old, new} {
		if _, err := unix.Write(p[1], []byte("hello")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		if n, err := r.Read(buf); n != 5 || err != nil {
			t.Errorf("%T: %d, %v", r, n, err)
		}
		ended := make(chan error)
		go func() {
			_, err := r.Read(buf)
			ended <- err
		}()
		r.Cancel()
		if err := <-ended; !errors.Is(err, os.ErrClosed) {
			t.Errorf("%T: %v", r, err)
		}
	}
}
