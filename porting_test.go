// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.
//go:build unix || windows

package selectors_test

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
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
	if runtime.GOOS == "windows" {
		t.Skip("os/exec hands no listener to another process there")
	}
	sel := newSelector(t)
	if os.Getenv(mark) != "" {
		listener, err := net.FileListener(os.NewFile(3, ""))
		must(t, err)
		t.Fatal(acceptLoop(sel, listener)) // until it is killed
	}
	listener := listenLocal(t)
	file, err := listener.(*net.TCPListener).File()
	must(t, err)
	defer file.Close()
	other := again(t, mark+"=1")
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
	must(t, sel.Close()) // which an accept that waits would not hear of
	if err := <-ended; !errors.Is(err, selectors.ErrClosed) {
		t.Error(err)
	}
}

// for key, events in sel.select():
//
//	if key.fileobj is listener:
//	    try: conn, _ = listener.accept()
//	    except BlockingIOError: continue
//	    sel.register(conn, EVENT_READ, bytearray())
//	elif not (data := key.fileobj.recv(4096)):
//	    sel.unregister(key.fileobj); key.fileobj.close()
//	else: key.data.extend(data)
//
// And a client with many connections at once:
//
//	for s in socks: sel.register(s, EVENT_READ)
//	while sel.get_map(): ...
func TestPortAServerAndAClientWithManyConnections(t *testing.T) {
	const many = 50
	listener := listenLocal(t)
	stop := make(chan bool)
	server := newSelector(t)
	served := make(chan error)
	go func() {
		served <- func() error {
			if _, err := server.Register(listener, selectors.EventRead, nil); err != nil {
				return err
			}
			buf := make([]byte, 4096)
			for {
				ready, err := server.Select(selectors.Forever)
				if err != nil {
					return err
				}
				select {
				case <-stop:
					return nil
				default:
				}
				for _, r := range ready {
					conn, ok := r.Key.FileObj.(net.Conn)
					if !ok {
						conn, err = selectors.TryAccept(listener)
						if errors.Is(err, selectors.ErrWouldBlock) {
							continue
						}
						if err == nil {
							_, err = server.Register(conn, selectors.EventRead, nil)
						}
						if err != nil {
							return err
						}
						continue
					}
					n, err := selectors.TryRead(conn, buf)
					if err == nil {
						_, err = selectors.TryWrite(conn, buf[:n])
					} else if errors.Is(err, selectors.ErrWouldBlock) {
						continue
					}
					if err != nil {
						server.Unregister(conn)
						conn.Close()
					}
				}
			}
		}()
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
			_, err = client.Unregister(conn)
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

// if mask & EVENT_WRITE:
//
//	sent = sock.send(data.outb)
//	data.outb = data.outb[sent:]
//	if not data.outb:
//	    sel.modify(sock, EVENT_READ, data)
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
	_, err := sel.Register(server, selectors.EventRead|selectors.EventWrite, slices.Clone(want))
	must(t, err)
	for sel.GetMap().Len() > 0 {
		ready, err := sel.Select(selectors.Forever)
		must(t, err)
		for _, r := range ready {
			out := r.Key.Data.([]byte)
			if r.Events&selectors.EventWrite != 0 {
				n, err := selectors.TryWrite(server, out)
				if !errors.Is(err, selectors.ErrWouldBlock) {
					must(t, err)
				}
				out = out[n:]
				events := selectors.EventRead
				if len(out) > 0 {
					events |= selectors.EventWrite
				}
				_, err = sel.Modify(server, events, out)
				must(t, err)
			}
			if r.Events&selectors.EventRead != 0 {
				if _, err := selectors.TryRead(server, make([]byte, 1)); err == io.EOF {
					sel.Unregister(server)
				}
			}
		}
	}
	if !bytes.Equal(<-got, want) {
		t.Error("other bytes have come")
	}
}

// Popen(..., stdin=PIPE, stdout=PIPE, stderr=PIPE); sel.register(p.stdin, EVENT_WRITE)
// sel.register(p.stdout, EVENT_READ); sel.register(p.stderr, EVENT_READ)
// while sel.get_map():
//
//	for key, _ in sel.select(timeout):
//	    if key.fileobj is p.stdin: offset += os.write(key.fd, data[offset:])
//	    elif not (data := os.read(key.fd, 32768)): sel.unregister(key.fileobj)
//	    else: out[key.fileobj].append(data)
//
// p.wait()
func TestPortCommunicateWithAProcess(t *testing.T) {
	const mark = "SELECTORS_COMMUNICATE"
	if os.Getenv(mark) != "" {
		n, err := io.Copy(os.Stdout, os.Stdin)
		fmt.Fprint(os.Stderr, n, err)
		os.Exit(0)
	}
	sel := newSelector(t)
	cmd := again(t, mark+"=1")
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	stderr, err := cmd.StderrPipe()
	must(t, err)
	if _, err := sel.Register(stdin, selectors.EventWrite, nil); err != nil {
		t.Skipf("pipes can't be registered here: %v", err)
	}
	var out, complaint bytes.Buffer
	_, err = sel.Register(stdout, selectors.EventRead, &out)
	must(t, err)
	_, err = sel.Register(stderr, selectors.EventRead, &complaint)
	must(t, err)
	must(t, cmd.Start())
	input := bytes.Repeat([]byte("0123456789"), 100_000)
	deadline := time.Now().Add(time.Minute)
	buf := make([]byte, 32768)
	for rest := input; sel.GetMap().Len() > 0; {
		ready, err := sel.Select(time.Until(deadline))
		must(t, err)
		if len(ready) == 0 && time.Now().After(deadline) {
			cmd.Process.Kill()
			t.Fatal("the process takes too long")
		}
		for _, r := range ready {
			var n int
			var err error
			if r.Key.FileObj == stdin {
				n, err = selectors.TryWrite(stdin, rest)
				rest = rest[n:]
				if len(rest) == 0 {
					err = io.EOF
				}
			} else if n, err = selectors.TryRead(r.Key.FileObj, buf); n > 0 {
				r.Key.Data.(*bytes.Buffer).Write(buf[:n])
			}
			switch {
			case err == nil, errors.Is(err, selectors.ErrWouldBlock):
			case err == io.EOF:
				_, err = sel.Unregister(r.Key.FileObj)
				must(t, err)
				r.Key.FileObj.(io.Closer).Close()
			default:
				t.Fatal(err)
			}
		}
	}
	must(t, cmd.Wait())
	if !bytes.Equal(out.Bytes(), input) || complaint.String() != "1000000<nil>" && complaint.String() != "1000000 <nil>" {
		t.Errorf("%d bytes, and %q", out.Len(), complaint.String())
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
//	    heapq.heappop(timers)
func TestPortTimersInAHeap(t *testing.T) {
	sel := newSelector(t)
	begin := time.Now()
	var all timers
	for _, ms := range []int{30, 10, 20} {
		heap.Push(&all, begin.Add(time.Duration(ms)*time.Millisecond))
	}
	var order []time.Duration
	for len(all) > 0 {
		_, err := sel.Select(time.Until(all[0]))
		must(t, err)
		for now := time.Now(); len(all) > 0 && !all[0].After(now); {
			order = append(order, heap.Pop(&all).(time.Time).Sub(begin))
		}
	}
	if len(order) != 3 || !slices.IsSorted(order) || time.Since(begin) < 30*time.Millisecond {
		t.Errorf("%v after %v", order, time.Since(begin))
	}
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
		_, err := sel.Unregister(key.FileObj)
		must(t, err)
		must(t, key.FileObj.(io.Closer).Close())
	}
	if n := sel.GetMap().Len(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	must(t, sel.Close())
}

// for p in processes: sel.register(p.stdout, EVENT_READ, p)
// while sel.get_map():
//
//	for key, _ in sel.select():
//	    if not os.read(key.fd, 4096):
//	        sel.unregister(key.fileobj); print(key.data.wait())
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
	buf := make([]byte, 4096)
	for sel.GetMap().Len() > 0 {
		ready, err := sel.Select(selectors.Forever)
		must(t, err)
		for _, r := range ready {
			if _, err := selectors.TryRead(r.Key.FileObj, buf); err == io.EOF {
				_, err = sel.Unregister(r.Key.FileObj)
				must(t, err)
				cmd := r.Key.Data.(*exec.Cmd)
				cmd.Wait()
				codes += cmd.ProcessState.ExitCode()
			}
		}
	}
	if codes != 1+2+3 {
		t.Errorf("the exit codes make %d", codes)
	}
}
