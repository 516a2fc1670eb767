// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.
//go:build unix || windows

package selectors_test

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/go-selectors/selectors"
)

// A cookbook: how the shapes in which Python programs use selectors look in Go.
// Each stands beside its Python text, and runs against real peers.

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newSelector(t testing.TB) selectors.Selector {
	t.Helper()
	sel, err := selectors.NewDefaultSelector()
	must(t, err)
	t.Cleanup(func() { sel.Close() })
	return sel
}

func listenLocal(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// again returns a command that runs the test once more, with something in its
// environment to know by.
func again(t *testing.T, mark string) *exec.Cmd {
	t.Helper()
	if os.Getenv("SELECTORS_EMULATED") != "" {
		t.Skip("an emulated program can't start itself")
	}
	program, err := os.Executable()
	must(t, err)
	cmd := exec.Command(program, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), mark)
	return cmd
}

// for key, events in sel.select():
//
//	if key.fileobj is listener:
//	    try: conn, addr = listener.accept()
//	    except BlockingIOError: continue
//	    sel.register(conn, EVENT_READ)
//	    continue
//	try: data = key.fileobj.recv(4096)
//	except BlockingIOError: continue
//	except OSError: data = b""
//	if data: key.fileobj.send(data)
//	else: sel.unregister(key.fileobj); key.fileobj.close()
func serveOnce(sel selectors.Selector, listener net.Listener, buf []byte) error {
	ready, err := sel.Select(selectors.Forever)
	if err != nil {
		return err
	}
	for _, r := range ready {
		if r.Key.FileObj == listener {
			conn, err := selectors.TryAccept(listener) // conn.RemoteAddr() is addr
			if errors.Is(err, selectors.ErrWouldBlock) {
				continue
			}
			if err == nil {
				_, err = sel.Register(conn, selectors.EventRead, nil)
			}
			if err != nil {
				return err
			}
			continue
		}
		conn := r.Key.FileObj.(net.Conn)
		n, err := selectors.TryRead(conn, buf)
		if errors.Is(err, selectors.ErrWouldBlock) {
			continue
		}
		if err == nil {
			_, err = selectors.TryWrite(conn, buf[:n]) // the recipe for send says more
		}
		if err != nil { // io.EOF for b""
			sel.Unregister(r.Key)
			conn.Close()
		}
	}
	return nil
}

// A client with many connections at once:
//
//	for s in socks: sel.register(s, EVENT_READ)
//	while sel.get_map(): ...
func TestPortAServerAndAClientWithManyConnections(t *testing.T) {
	const many = 50
	listener := listenLocal(t)
	server := newSelector(t)
	_, err := server.Register(listener, selectors.EventRead, nil)
	must(t, err)
	served, stop := make(chan error), make(chan bool)
	go func() {
		buf := make([]byte, 4096)
		for {
			err := serveOnce(server, listener, buf)
			select {
			case <-stop:
				served <- err
				return
			default:
			}
			if err != nil {
				served <- err
				return
			}
		}
	}()

	client := newSelector(t)
	for i := range many {
		conn, err := net.Dial("tcp4", listener.Addr().String())
		must(t, err)
		_, err = client.Register(conn, selectors.EventRead, fmt.Sprint("I am ", i))
		must(t, err)
		_, err = io.WriteString(conn, fmt.Sprint("I am ", i))
		must(t, err)
	}
	buf := make([]byte, 100)
	for client.GetMap().Len() > 0 {
		ready, err := client.Select(selectors.Forever)
		must(t, err)
		for _, r := range ready {
			conn := r.Key.FileObj.(net.Conn)
			n, err := selectors.TryRead(conn, buf)
			if errors.Is(err, selectors.ErrWouldBlock) {
				continue
			}
			must(t, err)
			if string(buf[:n]) != r.Key.Data {
				t.Errorf("%q is answered by %q", r.Key.Data, buf[:n])
			}
			_, err = client.Unregister(r.Key)
			must(t, err)
			conn.Close()
		}
	}
	close(stop)
	must(t, server.Wakeup())
	must(t, <-served)
	for _, key := range server.GetMap().All() {
		if conn, ok := key.FileObj.(net.Conn); ok {
			conn.Close()
		}
	}
}

// sent = sock.send(data.outb)
// data.outb = data.outb[sent:]
// sel.modify(sock, EVENT_READ | EVENT_WRITE if data.outb else EVENT_READ, data)
func send(sel selectors.Selector, key *selectors.SelectorKey) (*selectors.SelectorKey, error) {
	out := key.Data.([]byte)
	n, err := selectors.TryWrite(key.FileObj, out)
	if err != nil && !errors.Is(err, selectors.ErrWouldBlock) {
		return nil, err // syscall.EPIPE for BrokenPipeError, syscall.ECONNRESET for ConnectionResetError
	}
	events := selectors.EventRead
	if n < len(out) {
		events |= selectors.EventWrite
	}
	return sel.Modify(key, events, out[n:])
}

func TestPortOutputThatIsLargerThanTheBuffer(t *testing.T) {
	sel := newSelector(t)
	client, server := connect()
	defer client.Close()
	defer server.Close()
	got := make(chan []byte, 1)
	want := bytes.Repeat([]byte("0123456789"), 1_000_000)
	go func() {
		all := make([]byte, len(want))
		io.ReadFull(client, all)
		got <- all
		client.Close()
	}()
	_, err := sel.Register(server, selectors.EventRead|selectors.EventWrite, want)
	must(t, err)
	for sel.GetMap().Len() > 0 {
		ready, err := sel.Select(selectors.Forever)
		must(t, err)
		for _, r := range ready {
			if r.Events&selectors.EventWrite != 0 {
				r.Key, err = send(sel, r.Key)
				must(t, err)
			}
			if r.Events&selectors.EventRead != 0 {
				if _, err := selectors.TryRead(server, make([]byte, 1)); err == io.EOF {
					_, err = sel.Unregister(r.Key)
					must(t, err)
				}
			}
		}
	}
	if !bytes.Equal(<-got, want) {
		t.Error("other bytes have come")
	}
}

// except (BrokenPipeError, ConnectionResetError): the peer has gone
func TestPortTheErrorsOfAPeerThatHasGone(t *testing.T) {
	client, server := connect()
	defer server.Close()
	must(t, client.(*net.TCPConn).SetLinger(0))
	client.Close() // resets
	sel := newSelector(t)
	_, err := sel.Register(server, selectors.EventRead, nil)
	must(t, err)
	_, err = sel.Select(selectors.Forever)
	must(t, err)
	_, err = selectors.TryRead(server, make([]byte, 1))
	if err == io.EOF {
		t.Skip("the reset has come as an end: Wine does that, and DragonFly now and then")
	}
	if runtime.GOOS == "windows" {
		if reset := syscall.Errno(10054); !errors.Is(err, reset) { // windows.WSAECONNRESET
			t.Errorf("read: %v, want %v", err, reset)
		}
		return // and writing says the same
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v, want %v", err, syscall.ECONNRESET)
	}
	_, err = selectors.TryWrite(server, []byte("x"))
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write: %v, want %v", err, syscall.EPIPE)
	}
}

// try: sel.register(sock, events, data)
// except KeyError: sel.modify(sock, events, data)
func watch(sel selectors.Selector, fileobj any, events selectors.EventMask, data any) error {
	_, err := sel.Register(fileobj, events, data)
	if errors.Is(err, selectors.ErrRegistered) {
		_, err = sel.Modify(fileobj, events, data)
	}
	return err
}

func TestPortRegisterOrModify(t *testing.T) {
	sel := newSelector(t)
	client, server := connect()
	defer client.Close()
	defer server.Close()
	for _, events := range []selectors.EventMask{selectors.EventRead, selectors.EventWrite} {
		must(t, watch(sel, server, events, nil))
		key, err := sel.GetKey(server)
		must(t, err)
		if key.Events != events {
			t.Errorf("%v, want %v", key.Events, events)
		}
	}
}

// r, w, x = select.select(r, w, x, timeout)
func selectLists(r, w []any, timeout time.Duration) (readable, writable []any, err error) {
	sel, err := selectors.NewDefaultSelector() // once for all calls, in a program
	if err != nil {
		return nil, nil, err
	}
	defer sel.Close()
	for _, fileobj := range r {
		if err := watch(sel, fileobj, selectors.EventRead, nil); err != nil {
			return nil, nil, err
		}
	}
	for _, fileobj := range w {
		events := selectors.EventWrite // EventPriority for the third list
		if key, err := sel.GetKey(fileobj); err == nil {
			events |= key.Events
		}
		if err := watch(sel, fileobj, events, nil); err != nil {
			return nil, nil, err
		}
	}
	ready, err := sel.Select(timeout)
	for _, r := range ready {
		if r.Events&selectors.EventRead != 0 {
			readable = append(readable, r.Key.FileObj)
		}
		if r.Events&selectors.EventWrite != 0 {
			writable = append(writable, r.Key.FileObj)
		}
	}
	return readable, writable, err
}

func TestPortTheListsOfSelect(t *testing.T) {
	client, server := connect()
	defer client.Close()
	defer server.Close()
	_, err := io.WriteString(client, "hello")
	must(t, err)
	r, w, err := selectLists([]any{server}, nil, selectors.Forever)
	if err != nil || len(r) != 1 || r[0] != server || len(w) != 0 {
		t.Errorf("%v, %v, %v", r, w, err)
	}
	r, w, err = selectLists([]any{server, client}, []any{server}, 0)
	if err != nil || len(r) != 1 || r[0] != server || len(w) != 1 || w[0] != server {
		t.Errorf("%v, %v, %v", r, w, err)
	}
}

// sock.settimeout(timeout); data = sock.recv(n)
// sock.shutdown(SHUT_WR)
func TestPortATimeoutOfOneSocketAndAHalfClose(t *testing.T) {
	sel := newSelector(t)
	client, server := connect()
	defer client.Close()
	defer server.Close()
	deadlines := map[net.Conn]time.Time{server: time.Now().Add(10 * time.Millisecond)}
	_, err := sel.Register(server, selectors.EventRead, nil)
	must(t, err)
	for len(deadlines) > 0 {
		ready, err := sel.Select(time.Until(deadlines[server])) // the nearest, where there are many
		must(t, err)
		if len(ready) > 0 {
			t.Fatal(ready)
		}
		for conn, deadline := range deadlines {
			if !time.Now().Before(deadline) {
				must(t, conn.(*net.TCPConn).CloseWrite())
				delete(deadlines, conn)
			}
		}
	}
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%v, want io.EOF", err)
	}
}

// p = Popen(args, stdin=PIPE, stdout=PIPE, stderr=PIPE)
// out, complaint = p.communicate(input)
func communicate(sel selectors.Selector, cmd *exec.Cmd, input []byte) (out, complaint []byte, err error) {
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	stderr, err3 := cmd.StderrPipe()
	_, err4 := sel.Register(stdin, selectors.EventWrite, nil)
	_, err5 := sel.Register(stdout, selectors.EventRead, &out)
	_, err6 := sel.Register(stderr, selectors.EventRead, &complaint)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	buf := make([]byte, 32768)
	for sel.GetMap().Len() > 0 {
		ready, err := sel.Select(selectors.Forever)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range ready {
			var n int
			var err error
			if data, ok := r.Key.Data.(*[]byte); ok {
				n, err = selectors.TryRead(r.Key.FileObj, buf)
				*data = append(*data, buf[:n]...)
			} else if n, err = selectors.TryWrite(stdin, input); n == len(input) || errors.Is(err, syscall.EPIPE) {
				err = io.EOF // the process has all, or wants no more
			} else {
				input = input[n:]
			}
			if err == nil || errors.Is(err, selectors.ErrWouldBlock) {
				continue
			}
			sel.Unregister(r.Key)
			r.Key.FileObj.(io.Closer).Close()
			if err != io.EOF {
				return nil, nil, err
			}
		}
	}
	return out, complaint, cmd.Wait()
}

func TestPortCommunicateWithAProcess(t *testing.T) {
	const mark = "SELECTORS_COMMUNICATE"
	switch os.Getenv(mark) {
	case "all":
		n, err := io.Copy(os.Stdout, os.Stdin)
		fmt.Fprint(os.Stderr, n, " ", err)
		os.Exit(0)
	case "ten": // head -c 10
		io.CopyN(os.Stdout, os.Stdin, 10)
		os.Exit(0)
	}
	if runtime.GOOS == "windows" {
		t.Skip("pipes can't be registered there")
	}
	input := bytes.Repeat([]byte("0123456789"), 100_000)
	for what, want := range map[string][2]string{
		"all": {string(input), "1000000 <nil>"},
		"ten": {"0123456789", ""},
	} {
		out, complaint, err := communicate(newSelector(t), again(t, mark+"="+what), input)
		if err != nil || string(out) != want[0] || string(complaint) != want[1] {
			t.Errorf("%s: %d bytes, %q, %v", what, len(out), complaint, err)
		}
	}
}

// r, w = socket.socketpair(); sel.register(r, EVENT_READ)
// threading.Thread(target=lambda: (queue.put(1), w.send(b"x"))).start()
// sel.select(); r.recv(1); queue.get()
func TestPortASelfPipe(t *testing.T) {
	sel := newSelector(t)
	queue := make(chan int, 1)
	go func() {
		queue <- 1
		sel.Wakeup()
	}()
	_, err := sel.Select(selectors.Forever)
	must(t, err)
	if n := <-queue; n != 1 {
		t.Error(n)
	}
}

type timers []time.Time

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].Before(h[j]) }
func (h timers) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timers) Push(x any)        { *h = append(*h, x.(time.Time)) }
func (h *timers) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// while timers:
//
//	sel.select(max(0, timers[0] - time.monotonic()))
//	while timers and timers[0] <= time.monotonic():
//	    expired(heapq.heappop(timers))
func waitForTimers(sel selectors.Selector, all *timers, expired func(time.Time)) error {
	for all.Len() > 0 {
		if _, err := sel.Select(time.Until((*all)[0])); err != nil {
			return err
		}
		for now := time.Now(); all.Len() > 0 && !(*all)[0].After(now); {
			expired(heap.Pop(all).(time.Time))
		}
	}
	return nil
}

func TestPortTimersInAHeap(t *testing.T) {
	sel := newSelector(t)
	begin := time.Now()
	all := new(timers)
	for _, ms := range []int{30, 10, 20} {
		heap.Push(all, begin.Add(time.Duration(ms)*time.Millisecond))
	}
	var order []time.Duration
	must(t, waitForTimers(sel, all, func(at time.Time) { order = append(order, at.Sub(begin)) }))
	if len(order) != 3 || !slices.IsSorted(order) || time.Since(begin) < 30*time.Millisecond {
		t.Errorf("%v after %v", order, time.Since(begin))
	}
}

// while not stopped:
//
//	for key, mask in sel.select(timeout): ...
func turns(ctx context.Context, sel selectors.Selector, timeout time.Duration, turn func([]selectors.Ready)) error {
	defer context.AfterFunc(ctx, func() { sel.Wakeup() })()
	var ready []selectors.Ready
	for ctx.Err() == nil {
		var err error
		ready, err = sel.AppendReady(ready[:0], timeout)
		if err != nil {
			return err
		}
		turn(ready) // none, if the time is over
	}
	return nil
}

func TestPortATimeoutTogetherWithAStop(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	sel, n := newSelector(t), 0
	must(t, turns(ctx, sel, time.Millisecond, func(ready []selectors.Ready) {
		if n++; n == 3 {
			stop()
		}
	}))
	ctx, stop = context.WithCancel(context.Background())
	time.AfterFunc(time.Millisecond, stop)
	must(t, turns(ctx, sel, selectors.Forever, func([]selectors.Ready) {}))
}

// for key in list(sel.get_map().values()):
//
//	sel.unregister(key.fileobj); key.fileobj.close()
//
// sel.close()
func TestPortClosingAllFromTheMap(t *testing.T) {
	sel := newSelector(t)
	client, server := connect()
	for _, conn := range []net.Conn{client, server} {
		_, err := sel.Register(conn, selectors.EventRead, nil)
		must(t, err)
	}

	for key := range sel.GetMap().Values() {
		sel.Unregister(key)
		key.FileObj.(io.Closer).Close()
	}

	if n := sel.GetMap().Len(); n != 0 {
		t.Errorf("%d keys are left", n)
	}

	sel.Close()
}

// for p in processes: sel.register(p.stdout, EVENT_READ, p)
// while sel.get_map():
//
//	for key, _ in sel.select():
//	    if not os.read(key.fd, 4096):
//	        sel.unregister(key.fileobj); print(key.data.wait())
func waitForAll(sel selectors.Selector, ended func(*exec.Cmd)) error {
	buf := make([]byte, 4096)
	for sel.GetMap().Len() > 0 {
		ready, err := sel.Select(selectors.Forever)
		if err != nil {
			return err
		}
		for _, r := range ready {
			if _, err := selectors.TryRead(r.Key.FileObj, buf); err == io.EOF {
				sel.Unregister(r.Key) // before Wait, which closes it
				cmd := r.Key.Data.(*exec.Cmd)
				cmd.Wait()
				ended(cmd)
			}
		}
	}
	return nil
}

func TestPortWaitingForSeveralProcesses(t *testing.T) {
	const mark = "SELECTORS_SEVERAL"
	if code := os.Getenv(mark); code != "" {
		os.Exit(len(code))
	}
	sel := newSelector(t)
	for _, code := range []string{"x", "xx", "xxx"} {
		cmd := again(t, mark+"="+code)
		stdout, err := cmd.StdoutPipe()
		must(t, err)
		if _, err := sel.Register(stdout, selectors.EventRead, cmd); err != nil {
			t.Skipf("pipes can't be registered here: %v", err)
		}
		must(t, cmd.Start())
	}
	codes := 0
	must(t, waitForAll(sel, func(cmd *exec.Cmd) { codes += cmd.ProcessState.ExitCode() }))
	if codes != 1+2+3 {
		t.Errorf("the exit codes make %d", codes)
	}
}
