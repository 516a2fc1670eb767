// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.
//go:build unix

package selectors_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/go-selectors/selectors"
)

// listener.setblocking(False); os.fork()
// sel = DefaultSelector(); sel.register(listener, EVENT_READ)
// while True:
//
//	sel.select()
//	try: conn, _ = listener.accept()
//	except BlockingIOError: continue  # the other process was quicker
//	conn.send(str(os.getpid()).encode()); conn.close()
func acceptLoop(sel selectors.Selector, listener net.Listener) error {
	if _, err := sel.Register(listener, selectors.EventRead, nil); err != nil {
		return err
	}
	for {
		if _, err := sel.Select(selectors.Forever); err != nil {
			return err
		}
		conn, err := selectors.TryAccept(listener)
		if errors.Is(err, selectors.ErrWouldBlock) {
			continue // the other process was quicker
		}
		if err != nil {
			return err
		}
		if _, err := selectors.TryWrite(conn, []byte(strconv.Itoa(os.Getpid()))); err != nil {
			return err
		}
		conn.Close()
	}
}

func TestPortAnAcceptLoopInTwoProcesses(t *testing.T) {
	const mark = "SELECTORS_ACCEPT_LOOP"
	sel := newSelector(t)
	if os.Getenv(mark) != "" {
		listener, err := net.FileListener(os.NewFile(3, ""))
		must(t, err)
		t.Fatal(acceptLoop(sel, listener)) // until it is killed
	}
	if os.Getenv("SELECTORS_EMULATED") != "" {
		t.Skip("an emulated program can't start itself")
	}
	program, err := os.Executable()
	must(t, err)
	listener := listenLocal(t)
	file, err := listener.(*net.TCPListener).File()
	must(t, err)
	defer file.Close()
	other := exec.Command(program, "-test.run=^"+t.Name()+"$")
	other.Env = append(os.Environ(), mark+"=1")
	other.ExtraFiles = []*os.File{file}
	must(t, other.Start())
	defer other.Wait()
	defer other.Process.Kill()

	ask := func() string {
		conn, err := net.Dial("tcp4", listener.Addr().String())
		must(t, err)
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Minute))
		answer, err := io.ReadAll(conn)
		must(t, err)
		return string(answer)
	}
	us, them := strconv.Itoa(os.Getpid()), strconv.Itoa(other.Process.Pid)
	if got := ask(); got != them { // nobody else accepts yet
		t.Fatalf("the answer is of %q, want %q", got, them)
	}
	ended := make(chan error, 1)
	go func() { ended <- acceptLoop(sel, listener) }()
	for range 1000 {
		if got := ask(); got != us && got != them {
			t.Errorf("the answer is of %q, want %q or %q", got, us, them)
		}
	}
	other.Process.Kill()
	other.Wait()
	if got := ask(); got != us { // this one doesn't hang in an accept
		t.Errorf("the answer is of %q, want %q", got, us)
	}
	must(t, sel.Close())
	if err := <-ended; !errors.Is(err, selectors.ErrClosed) {
		t.Error(err)
	}
}
