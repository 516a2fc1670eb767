// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These tests hold the contract, through exported names alone, on every
// selector that the system has. They need TCP on 127.0.0.1 and nothing
// else: no file, no other program, no name service.
//
// selectorsUnderTest, in the test files of the systems, lists the selectors in
// the order in which NewDefaultSelector tries them.

type selectorUnderTest struct {
	name string
	open func() (Selector, error)
}

// Nothing here is bound to be quick. Only what hangs takes as long as hang.
const hang = 20 * time.Second

// settle is for a goroutine to block. Where that takes longer on a busy
// machine the tests still hold, but don't try what they are meant to.
const settle = 20 * time.Millisecond

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
	})
	return s
}

// tcpPair returns the two ends of a connection.
func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, err = net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	a, err = l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, b
}

// writable returns a socket that is ready to be written to and never readable.
// It is not a datagram socket: net has none under Wine 8.
func writable(t testing.TB) *net.TCPConn {
	t.Helper()
	c, _ := tcpPair(t)
	return c
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

// start begins a wait and gives it time to block.
func start(wait func() ([]Ready, error)) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		ready, err := wait()
		c <- answer{ready, err}
	}()
	time.Sleep(settle)
	return c
}

func startSelect(s Selector, timeout time.Duration) <-chan answer {
	return start(func() ([]Ready, error) { return s.Select(timeout) })
}

// end returns the answer of a wait.
func end(t testing.TB, c <-chan answer) answer {
	t.Helper()
	select {
	case a := <-c:
		return a
	case <-time.After(hang):
		t.Fatal("the wait does not end")
		panic("not reached")
	}
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

// within fails the test if f hangs.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(hang):
		t.Fatalf("%s hangs", what)
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

// Selectors have buffers of 64, 128 and so on.
const many = 150

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
