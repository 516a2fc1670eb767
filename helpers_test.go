// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// These tests hold the contract, through exported names, on every selector that
// the system has. Only that a wait is blocked can't be told by those. They need
// TCP on 127.0.0.1 and nothing else: no file, no other program, no name service.
//
// selectorsUnderTest, in the test files of the systems, lists the selectors in
// the order in which NewDefaultSelector tries them.

type selectorUnderTest struct {
	name string
	open func() (Selector, error)
}

// Nothing here is bound to be quick. Only what hangs takes as long as hang.
const hang = time.Minute

// Selectors have buffers of 64, 128 and so on.
const many = 150

// settle is for something to happen that must not. Where that would take longer
// the tests still hold, and find nothing.
const settle = 5 * time.Millisecond

// TestMain lets many of the tests that run side by side do so: they wait most of
// their time. The flag -parallel still decides.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8")
	os.Exit(m.Run())
}

// hangs ends the program with the stacks of all goroutines. A test that failed
// instead would clean up, and what hangs would come out and complain as well.
func hangs(what string) {
	debug.SetTraceback("all")
	go panic(what)
	select {}
}

// within calls f, which must not hang.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	timer := time.AfterFunc(hang, func() { hangs(t.Name() + ": " + what + " hangs") })
	defer timer.Stop()
	f()
}

// eventually waits for what there is nothing to wait for. Most of it comes at
// once, before a sleep would end.
func eventually(what string, f func() bool) {
	begin := time.Now()
	for n := 0; !f(); n++ {
		if n < 100 {
			runtime.Gosched()
			continue
		}
		time.Sleep(100 * time.Microsecond)
		if time.Since(begin) > hang {
			hangs(what + ": that never comes")
		}
	}
}

// spawn is what sync.WaitGroup.Go is from Go 1.25 on.
func spawn(group *sync.WaitGroup, f func()) {
	group.Add(1)
	go func() {
		defer group.Done()
		f()
	}()
}

// Tests that look for something by chance, or in all that can be combined, have
// a long form.
var longTests = os.Getenv("SELECTORS_LONG") != ""

// rounds chooses how long such a test runs: under -short, without it, and in the
// long form.
func rounds(short, usual, long int) int {
	switch {
	case longTests:
		return long
	case testing.Short():
		return short
	}
	return usual
}

// each runs a test on every selector.
func each(t *testing.T, test func(t *testing.T, s Selector)) {
	if len(selectorsUnderTest) == 0 {
		t.Skip("this system has no selector")
	}
	eachOf(t, selectorsUnderTest, test)
}

func eachOf(t *testing.T, list []selectorUnderTest, test func(t *testing.T, s Selector)) {
	for _, tt := range list {
		t.Run(tt.name, func(t *testing.T) {
			test(t, open(t, tt))
		})
	}
}

func open(t *testing.T, tt selectorUnderTest) Selector {
	t.Helper()
	s, err := tt.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		// The last one out frees what the selector holds, and a later test may count it.
		eventually("the waits of a closed selector come out", func() bool { return blocked(s) == 0 })
	})
	return s
}

// newPair returns the two ends of a connection.
func newPair() (a, b *net.TCPConn, err error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	b, err = net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		return nil, nil, err
	}
	a, err = l.AcceptTCP()
	if err != nil {
		b.Close()
		return nil, nil, err
	}
	return a, b, nil
}

// tcpPair returns the two ends of a connection, which stay until the test ends.
func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	a, b, err := newPair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Close()
		b.Close()
	})
	return a, b
}

// writable returns a socket that is ready to be written to and never readable.
// It is not a datagram socket: net has none under Wine 8.
func writable(t testing.TB) *net.TCPConn {
	t.Helper()
	c, _ := tcpPair(t)
	return c
}

// writables returns n of them.
func writables(t testing.TB, n int) []*net.TCPConn {
	t.Helper()
	var list []*net.TCPConn
	for len(list) < n {
		a, b := tcpPair(t)
		list = append(list, a, b)
	}
	return list[:n]
}

func fdOf(t testing.TB, c syscall.Conn) int {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	if err := raw.Control(func(n uintptr) { fd = int(n) }); err != nil {
		t.Fatal(err)
	}
	return fd
}

func send(t testing.TB, c net.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
}

func receive(t testing.TB, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(hang))
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func register(t testing.TB, s Selector, fileobj any, events EventMask, data any) *SelectorKey {
	t.Helper()
	key, err := s.Register(fileobj, events, data)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func unregister(t testing.TB, s Selector, fileobj any) *SelectorKey {
	t.Helper()
	key, err := s.Unregister(fileobj)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func modify(t testing.TB, s Selector, fileobj any, events EventMask, data any) *SelectorKey {
	t.Helper()
	key, err := s.Modify(fileobj, events, data)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

type answer struct {
	ready []Ready
	err   error
}

// start begins waits of a selector, and returns when they are blocked, or have
// ended. Blocked is who is in the kernel, or nearly: one who is not there yet
// changes nothing but what is tried.
func start(s Selector, waits ...func() ([]Ready, error)) <-chan answer {
	c := make(chan answer, len(waits))
	before := blocked(s)
	for _, wait := range waits {
		go func() {
			ready, err := wait()
			c <- answer{ready, err}
		}()
	}
	eventually("waits block", func() bool {
		return blocked(s)+len(c) >= before+len(waits)
	})
	return c
}

// blocked returns how many waits of a selector are blocked. No exported name
// tells that.
func blocked(s Selector) int {
	c := coreOf(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	return waitsOf(c)
}

// waitsOf returns how many waits have found nothing ready and go on: one that leads
// and those that sleep. The core's mutex is held.
func waitsOf(c *core) int {
	if c.leader == nil {
		return 0
	}
	return 1 + len(c.sleepers)
}

func startSelect(s Selector, timeout time.Duration) <-chan answer {
	return startSelects(s, timeout, 1)
}

// startSelects begins n waits, whose answers come in any order.
func startSelects(s Selector, timeout time.Duration, n int) <-chan answer {
	wait := func() ([]Ready, error) { return s.Select(timeout) }
	return start(s, slices.Repeat([]func() ([]Ready, error){wait}, n)...)
}

// end returns the answer of a wait.
func end(t testing.TB, c <-chan answer) (a answer) {
	t.Helper()
	within(t, "a wait", func() { a = <-c })
	return a
}

func stillBlocked(t testing.TB, c <-chan answer) {
	t.Helper()
	time.Sleep(settle)
	select {
	case a := <-c:
		t.Fatalf("the wait ended with %v, %v", format(a.ready), a.err)
	default:
	}
}

func format(ready []Ready) string {
	var b strings.Builder
	for _, r := range ready {
		fmt.Fprintf(&b, "[%d %v: %v]", r.Key.FD, r.Key.Data, r.Events)
	}
	return b.String()
}

// same reports whether ready has exactly what is wanted, in any order.
func same(ready, want []Ready) bool {
	if len(ready) != len(want) {
		return false
	}
	events := make(map[*SelectorKey]EventMask)
	for _, r := range ready {
		events[r.Key] = r.Events
	}
	for _, w := range want {
		if events[w.Key] != w.Events {
			return false
		}
	}
	return true
}

// now checks what is ready.
func now(t testing.TB, s Selector, want ...Ready) {
	t.Helper()
	ready, err := s.Select(0)
	if err != nil {
		t.Fatal(err)
	}
	if !same(ready, want) {
		t.Fatalf("ready: %v, want %v", format(ready), format(want))
	}
}

// soon waits until exactly this is ready: not every system's loopback delivers
// before a write returns.
func soon(t testing.TB, s Selector, want ...Ready) {
	t.Helper()
	for begin := time.Now(); ; {
		ready, err := s.Select(hang)
		if err != nil {
			t.Fatal(err)
		}
		if same(ready, want) {
			return
		}
		keys := make(map[*SelectorKey]bool)
		for _, r := range ready {
			if keys[r.Key] {
				t.Fatalf("a key comes twice: %v", format(ready))
			}
			keys[r.Key] = true
		}
		if time.Since(begin) > hang {
			t.Fatalf("ready: %v, want %v", format(ready), format(want))
		}
	}
}

// wants checks that a wait was ended by exactly this.
func wants(t testing.TB, a answer, want ...Ready) {
	t.Helper()
	if a.err != nil || !same(a.ready, want) {
		t.Fatalf("the wait ended with %v, %v, want %v", format(a.ready), a.err, format(want))
	}
}

// idle checks that a wait is not ended early: by nothing ready, no Wakeup left.
func idle(t testing.TB, s Selector) {
	t.Helper()
	begin := time.Now()
	ready, err := s.Select(settle)
	if took := time.Since(begin); err != nil || len(ready) != 0 || took < settle {
		t.Fatalf("a wait of %v ended with %v, %v after %v", settle, format(ready), err, took)
	}
}

// refused checks that err is the system's.
func refused(t testing.TB, err, errno error, call, typ string, fd int) {
	t.Helper()
	var se *os.SyscallError
	if !errors.As(err, &se) || !errors.Is(err, errno) || se.Err != errno {
		t.Errorf("%v, want an *os.SyscallError around %v", err, errno)
		return
	}
	for _, name := range []string{call, typ, fmt.Sprint(fd), se.Syscall} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the text does not name %s: %v", name, err)
		}
	}
}

// keyCalls are the methods that take a file object.
var keyCalls = []struct {
	name string
	do   func(s Selector, fileobj any, events EventMask) error
}{
	{"Register", func(s Selector, fileobj any, events EventMask) error {
		key, err := s.Register(fileobj, events, nil)
		return noKey(key, err)
	}},
	{"Unregister", func(s Selector, fileobj any, _ EventMask) error {
		key, err := s.Unregister(fileobj)
		return noKey(key, err)
	}},
	{"Modify", func(s Selector, fileobj any, events EventMask) error {
		key, err := s.Modify(fileobj, events, nil)
		return noKey(key, err)
	}},
	{"GetKey", func(s Selector, fileobj any, _ EventMask) error {
		key, err := s.GetKey(fileobj)
		return noKey(key, err)
	}},
}

func noKey(key *SelectorKey, err error) error {
	if (key != nil) != (err == nil) {
		return fmt.Errorf("key %v with error %v", key, err)
	}
	return err
}

// waitKinds are the ways to wait.
var waitKinds = []struct {
	name string
	wait func(Selector) ([]Ready, error)
}{
	{"Select(0)", func(s Selector) ([]Ready, error) { return s.Select(0) }},
	{"Select(-1)", func(s Selector) ([]Ready, error) { return s.Select(-1) }},
	{"Select(hang)", func(s Selector) ([]Ready, error) { return s.Select(2 * hang) }},
	{"Select(Forever)", func(s Selector) ([]Ready, error) { return s.Select(Forever) }},
	{"AppendReady(0)", func(s Selector) ([]Ready, error) { return s.AppendReady(nil, 0) }},
	{"AppendReady(Forever)", func(s Selector) ([]Ready, error) { return s.AppendReady(nil, Forever) }},
	{"SelectContext", func(s Selector) ([]Ready, error) { return s.SelectContext(context.Background()) }},
}

func wakeup(t testing.TB, s Selector) {
	t.Helper()
	if err := s.Wakeup(); err != nil {
		t.Fatal(err)
	}
}

// observe puts an observer between a selector and its backend. It is called
// while nobody waits.
func observe(s Selector) *observer {
	c := coreOf(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &observer{backend: c.backend}
	c.backend = b
	return b
}

// coreOf returns what the selectors share.
func coreOf(s Selector) *core {
	return s.(interface{ coreOf() *core }).coreOf()
}

func (s *core) coreOf() *core { return s }

// An observer counts what waits do, and can hold them on their way out of the
// kernel, before they take the core's mutex.
type observer struct {
	backend
	turns atomic.Int64 // ways into the kernel
	looks atomic.Int64 // looks at all that is registered, with the core's mutex held
	held  atomic.Int64 // waits at the gate
	gate  atomic.Pointer[chan struct{}]
}

// hold stops all who come out of the kernel from now on. The function that it
// returns lets them go.
func (b *observer) hold() (open func()) {
	gate := make(chan struct{})
	b.gate.Store(&gate)
	return func() {
		if b.gate.CompareAndSwap(&gate, nil) {
			close(gate)
		}
	}
}

// await waits until a count is reached.
func await(t testing.TB, count *atomic.Int64, n int64) {
	t.Helper()
	eventually("the count", func() bool { return count.Load() >= n })
}

func (b *observer) look(dst []Ready) ([]Ready, error) {
	b.looks.Add(1)
	return b.backend.look(dst)
}

func (b *observer) wait(timeout time.Duration) (bool, error) {
	b.turns.Add(1)
	over, err := b.backend.wait(timeout)
	if gate := b.gate.Load(); gate != nil {
		b.held.Add(1)
		<-*gate
		b.held.Add(-1)
	}
	return over, err
}

// A wait that finds nothing sleeps. These tests count how often waits go into
// the kernel: who goes round does so thousands of times.

// few is for what the system itself ends, such as by the runtime's own signals.
const few = 20

// A refusing backend can't be woken.
type refusing struct {
	backend
	refuses atomic.Bool
}

func (b *refusing) wake() error {
	if b.refuses.Load() {
		return errRefused
	}
	return b.backend.wake()
}

var errRefused = errors.New("refused")

// A failing backend's looks fail, or its waits.
type failing struct {
	backend
	looks, waits atomic.Bool
}

func (b *failing) look(dst []Ready) ([]Ready, error) {
	if b.looks.Load() {
		return dst, errRefused
	}
	return b.backend.look(dst)
}

func (b *failing) wait(timeout time.Duration) (bool, error) {
	over, err := b.backend.wait(timeout)
	if b.waits.Load() {
		return false, errRefused
	}
	return over, err
}
