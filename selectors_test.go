// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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

//
// Names
//

// The compiler checks every name and signature.
var (
	_ Selector = (fullSelector)(nil)
	_ interface {
		Register(fileobj any, events EventMask, data any) (*SelectorKey, error)
		Unregister(fileobj any) (*SelectorKey, error)
		Modify(fileobj any, events EventMask, data any) (*SelectorKey, error)
		Select(timeout time.Duration) ([]Ready, error)
		AppendReady(dst []Ready, timeout time.Duration) ([]Ready, error)
		SelectContext(ctx context.Context) ([]Ready, error)
		Wakeup() error
		GetKey(fileobj any) (*SelectorKey, error)
		GetMap() *Map
		Close() error
	} = (Selector)(nil)
	_ func() (Selector, error) = NewDefaultSelector

	_               = SelectorKey{FileObj: any(nil), FD: int(0), Events: EventMask(0), Data: any(nil)}
	_               = Ready{Key: (*SelectorKey)(nil), Events: EventMask(0)}
	_ error         = ErrInvalidEvents
	_ error         = ErrInvalidFileObj
	_ error         = ErrRegistered
	_ error         = ErrNotRegistered
	_ error         = ErrClosed
	_ time.Duration = Forever
	_ fmt.Stringer  = EventMask(0)

	_ func(*Map) int                          = (*Map).Len
	_ func(*Map, any) (*SelectorKey, bool)    = (*Map).Get
	_ func(*Map) iter.Seq2[int, *SelectorKey] = (*Map).All
	_ func(*Map) iter.Seq[int]                = (*Map).Keys
	_ func(*Map) iter.Seq[*SelectorKey]       = (*Map).Values
)

// fullSelector has every method of the contract: that it is a Selector shows
// that Selector asks for no other.
type fullSelector interface {
	Register(fileobj any, events EventMask, data any) (*SelectorKey, error)
	Unregister(fileobj any) (*SelectorKey, error)
	Modify(fileobj any, events EventMask, data any) (*SelectorKey, error)
	Select(timeout time.Duration) ([]Ready, error)
	AppendReady(dst []Ready, timeout time.Duration) ([]Ready, error)
	SelectContext(ctx context.Context) ([]Ready, error)
	Wakeup() error
	GetKey(fileobj any) (*SelectorKey, error)
	GetMap() *Map
	Close() error
}

func TestEventsHaveTheirValues(t *testing.T) {
	if EventRead != 1 || EventWrite != 2 || EventPriority != 4 || EventHangup != 8 {
		t.Errorf("EventRead, EventWrite, EventPriority, EventHangup = %d, %d, %d, %d", EventRead, EventWrite, EventPriority, EventHangup)
	}
	if reflect.TypeOf(EventRead).Kind() != reflect.Uint32 {
		t.Errorf("an EventMask is %v", reflect.TypeOf(EventRead).Kind())
	}
}

func TestEventMaskStringNamesTheEvents(t *testing.T) {
	for _, tt := range []struct {
		mask EventMask
		want string
	}{
		{0, "0"},
		{EventRead, "EventRead"},
		{EventWrite, "EventWrite"},
		{EventPriority, "EventPriority"},
		{EventRead | EventWrite, "EventRead|EventWrite"},
		{EventRead | EventPriority, "EventRead|EventPriority"},
		{EventRead | EventWrite | EventPriority, "EventRead|EventWrite|EventPriority"},
		{0x40, "0x40"},
		{EventWrite | 0x40, "EventWrite|0x40"},
		{EventHangup, "EventHangup"},
		{EventRead | EventHangup, "EventRead|EventHangup"},
		{0x80000010, "0x80000010"},
		{math.MaxUint32, "EventRead|EventWrite|EventPriority|EventHangup|0xfffffff0"},
	} {
		if got := tt.mask.String(); got != tt.want {
			t.Errorf("EventMask(%d) is %q, want %q", uint32(tt.mask), got, tt.want)
		}
	}
}

func TestForeverIsTheLargestDuration(t *testing.T) {
	if Forever != time.Duration(math.MaxInt64) {
		t.Errorf("Forever = %d", Forever)
	}
}

func TestNewDefaultSelectorIsTheMostEfficient(t *testing.T) {
	s, err := NewDefaultSelector()
	if len(selectorsUnderTest) == 0 {
		if s != nil || !errors.Is(err, errors.ErrUnsupported) {
			t.Fatalf("NewDefaultSelector = %v, %v", s, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := open(t, selectorsUnderTest[0])
	if reflect.TypeOf(s) != reflect.TypeOf(want) {
		t.Errorf("NewDefaultSelector gives %T, want %T", s, want)
	}
}

//
// Register, Unregister, Modify, GetKey
//

func TestRegisterReturnsTheKeyOfTheRegistration(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		data := new(int)
		key := register(t, s, a, EventRead|EventWrite, data)
		if key.FileObj != any(a) || key.FD != fdOf(t, a) || key.Events != EventRead|EventWrite || key.Data != any(data) {
			t.Errorf("key %+v", key)
		}
		if got, err := s.GetKey(a); got != key || err != nil {
			t.Errorf("GetKey = %p, %v, want %p", got, err, key)
		}
		if got, err := s.GetKey(fdOf(t, a)); got != key || err != nil {
			t.Errorf("GetKey of the descriptor = %p, %v, want %p", got, err, key)
		}
		soon(t, s, Ready{key, EventWrite})
	})
}

func TestUnregisterReturnsTheKeyAndEndsTheRegistration(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		key := register(t, s, c, EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		if got := unregister(t, s, fdOf(t, c)); got != key {
			t.Errorf("Unregister = %p, want %p", got, key)
		}
		now(t, s)
		if _, err := s.GetKey(c); !errors.Is(err, ErrNotRegistered) {
			t.Errorf("GetKey: %v", err)
		}
		if n := s.GetMap().Len(); n != 0 {
			t.Errorf("%d keys", n)
		}
		again := register(t, s, c, EventWrite, nil)
		if again == key {
			t.Error("the key of an earlier registration")
		}
		soon(t, s, Ready{again, EventWrite})
	})
}

func TestModifyMakesANewKeyEachTime(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		first := register(t, s, a, EventRead, "first")
		before := *first
		now(t, s)
		for _, tt := range []struct {
			events EventMask
			data   any
		}{
			{EventWrite, "second"},
			{EventWrite, "third"},
			{EventRead | EventWrite, "third"},
			{EventRead | EventWrite, "third"},
			{EventRead, nil},
			{EventWrite, nil},
		} {
			old, err := s.GetKey(a)
			if err != nil {
				t.Fatal(err)
			}
			key := modify(t, s, a, tt.events, tt.data)
			if key == old {
				t.Errorf("Modify(%v, %v) gives the old key", tt.events, tt.data)
			}
			if key.FileObj != any(a) || key.FD != first.FD || key.Events != tt.events || key.Data != tt.data {
				t.Errorf("Modify(%v, %v) gives %+v", tt.events, tt.data, key)
			}
			if got, err := s.GetKey(a); got != key || err != nil {
				t.Errorf("GetKey = %p, %v, want %p", got, err, key)
			}
			if tt.events&EventWrite != 0 {
				soon(t, s, Ready{key, EventWrite})
			} else {
				now(t, s)
			}
		}
		if *first != before {
			t.Errorf("the first key is %+v by now", first)
		}
		if n := s.GetMap().Len(); n != 1 {
			t.Errorf("%d keys", n)
		}
	})
}

func TestModifyKeepsTheFileObjGivenToRegister(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		register(t, s, c, EventRead, nil)
		for _, events := range []EventMask{EventRead, EventWrite} {
			if key := modify(t, s, fdOf(t, c), events, nil); key.FileObj != any(c) {
				t.Errorf("FileObj is %T", key.FileObj)
			}
		}
	})
}

func TestModifyNeverComparesData(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		data := []int{1} // to compare it would panic
		register(t, s, c, EventRead, data)
		for _, events := range []EventMask{EventRead, EventWrite, EventWrite} {
			key := modify(t, s, c, events, data)
			if got := key.Data.([]int); &got[0] != &data[0] {
				t.Error("other data")
			}
		}
	})
}

func TestModifyRefusedForItsArgumentsChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		key := register(t, s, c, EventWrite, "data")
		for _, events := range []EventMask{0, 16, EventRead | 16, 1 << 31, math.MaxUint32} {
			if got, err := s.Modify(c, events, nil); got != nil || !errors.Is(err, ErrInvalidEvents) {
				t.Errorf("Modify to %v = %v, %v", events, got, err)
			}
		}
		if got, err := s.Modify(nil, EventRead, nil); got != nil || !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("Modify of nil = %v, %v", got, err)
		}
		if got, err := s.GetKey(c); got != key || err != nil {
			t.Errorf("GetKey = %v, %v", got, err)
		}
		soon(t, s, Ready{key, EventWrite})
	})
}

func TestRegisterRefusedLeavesNothingBehind(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		if key, err := s.Register(c, EventWrite|16, nil); key != nil || !errors.Is(err, ErrInvalidEvents) {
			t.Errorf("Register = %v, %v", key, err)
		}
		if key, err := s.Register(c, 0, nil); key != nil || !errors.Is(err, ErrInvalidEvents) {
			t.Errorf("Register = %v, %v", key, err)
		}
		if n := s.GetMap().Len(); n != 0 {
			t.Errorf("%d keys", n)
		}
		now(t, s)
		key := register(t, s, c, EventRead, nil)
		if got, err := s.Register(c, EventWrite, "other"); got != nil || !errors.Is(err, ErrRegistered) {
			t.Errorf("second Register = %v, %v", got, err)
		}
		if got, err := s.Register(fdOf(t, c), EventWrite, "other"); got != nil || !errors.Is(err, ErrRegistered) {
			t.Errorf("second Register = %v, %v", got, err)
		}
		if got, err := s.GetKey(c); got != key || err != nil || key.Events != EventRead || key.Data != nil {
			t.Errorf("GetKey = %v, %v", got, err)
		}
		now(t, s)
	})
}

//
// File objects
//

type (
	namedInt     int
	namedUintptr uintptr
)

// numbers returns a descriptor in every integer type that has room for it.
func numbers(fd int) (values []any) {
	for _, v := range []any{int(0), int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0),
		uint16(0), uint32(0), uint64(0), uintptr(0), namedInt(0), namedUintptr(0), time.Duration(0), EventMask(0)} {
		n := reflect.ValueOf(fd).Convert(reflect.TypeOf(v))
		if n.CanInt() && n.Int() == int64(fd) || n.CanUint() && n.Uint() == uint64(fd) {
			values = append(values, n.Interface())
		}
	}
	return values
}

// fdObject is neither a number nor a syscall.Conn.
type fdObject struct{ fd uintptr }

func (f *fdObject) Fd() uintptr { return f.fd }

// uncomparable can't be a key of a Go map.
type uncomparable struct {
	fd int
	_  []byte
}

func (u uncomparable) Fd() uintptr { return uintptr(u.fd) }

func TestFileObjIsAnyIntegerASyscallConnOrHasFd(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		fd := fdOf(t, c)
		objects := append(numbers(fd), c, net.Conn(c), net.Conn(c), &fdObject{uintptr(fd)}, uncomparable{fd: fd})
		for _, obj := range objects {
			key, err := s.Register(obj, EventRead, nil)
			if err != nil {
				t.Errorf("Register: %v", err)
				continue
			}
			if key.FD != fd || !reflect.DeepEqual(key.FileObj, obj) {
				t.Errorf("%T: key %+v", obj, key)
			}
			if got, err := s.GetKey(obj); got != key || err != nil {
				t.Errorf("GetKey = %v, %v", got, err)
			}
			if got, ok := s.GetMap().Get(obj); got != key || !ok {
				t.Errorf("%T: Get = %v, %v", obj, got, ok)
			}
			key = modify(t, s, obj, EventWrite, nil)
			soon(t, s, Ready{key, EventWrite})
			if got := unregister(t, s, obj); got != key {
				t.Errorf("%T: Unregister = %+v", obj, got)
			}
		}
	})
}

func TestAListenerIsReadableWhenAConnectionWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		key := register(t, s, l, EventRead, nil)
		now(t, s)
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		soon(t, s, Ready{key, EventRead})
	})
}

// connObject is a syscall.Conn that has Fd as well.
type connObject struct {
	syscall.Conn
	t *testing.T
}

func (c connObject) Fd() uintptr {
	c.t.Error("Fd was called")
	return 0
}

// brokenConn has no descriptor to give.
type brokenConn struct {
	t   *testing.T
	err error
}

func (b *brokenConn) SyscallConn() (syscall.RawConn, error) { return nil, b.err }

func (b *brokenConn) Fd() uintptr {
	b.t.Error("Fd was called")
	return 0
}

// silentConn has no error to give, and no descriptor.
type silentConn struct{ syscall.RawConn }

func (c silentConn) SyscallConn() (syscall.RawConn, error) { return c, nil }

func (silentConn) Control(func(uintptr)) error { return nil }

func TestASyscallConnIsAskedFirstAndWhereThatFailsFdIsNotTried(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		obj := connObject{c, t}
		if key := register(t, s, obj, EventWrite, nil); key.FD != fdOf(t, c) {
			t.Errorf("FD is %d", key.FD)
		}
		unregister(t, s, obj)

		if _, err := s.Register(silentConn{}, EventRead, nil); !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("Register of one that gives no descriptor: %v", err)
		}
		broken := &brokenConn{t, errors.New("broken")}
		for _, call := range keyCalls {
			err := call.do(s, broken, EventRead)
			if !errors.Is(err, ErrInvalidFileObj) {
				t.Errorf("%s: %v", call.name, err)
			}
			if !errors.Is(err, broken.err) {
				t.Errorf("%s does not tell why: %v", call.name, err)
			}
		}
	})
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

// panicker must not be asked while it is nil.
type panicker struct{ fd uintptr }

func (p *panicker) Fd() uintptr { return p.fd }

func TestWhatIsNoFileObjectIsErrInvalidFileObj(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		fd := fdOf(t, writable(t))
		objects := []any{
			nil, "file", 1.5, true, struct{}{}, []int{fd}, [1]int{fd}, map[int]int{}, func() {}, &fd, new(any),
			complex(1, 0), make(chan int), errors.New("x"),
			(*panicker)(nil), (*brokenConn)(nil), (*os.File)(nil), (*net.TCPConn)(nil), (*net.TCPListener)(nil), (*int)(nil), (*EventMask)(nil),
		}
		objects = append(objects, invalidNumbers(fd)...)
		for _, obj := range objects {
			for _, call := range keyCalls {
				err := call.do(s, obj, EventRead)
				if !errors.Is(err, ErrInvalidFileObj) {
					t.Errorf("%s of %T(%v): %v", call.name, obj, obj, err)
					continue
				}
				if !strings.Contains(err.Error(), call.name) || !strings.Contains(err.Error(), fmt.Sprintf("%T", obj)) {
					t.Errorf("the text does not name call and type: %v", err)
				}
			}
			if key, ok := s.GetMap().Get(obj); key != nil || ok {
				t.Errorf("Get of %T = %v, %v", obj, key, ok)
			}
		}
		if n := s.GetMap().Len(); n != 0 {
			t.Errorf("%d keys", n)
		}
	})
}

func TestTheKeyOfAClosedObjectIsFoundByItsIdentity(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var objects []any
		var closers []func()
		for range 2 {
			a, _ := tcpPair(t)
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			p := writable(t)
			f := &fdObject{uintptr(fdOf(t, writable(t)))}
			objects = append(objects, a, l, p, f)
			closers = append(closers, func() { a.Close(); l.Close(); p.Close(); f.fd = ^uintptr(0) })
		}
		keys := make(map[any]*SelectorKey)
		for _, obj := range objects {
			keys[obj] = register(t, s, obj, EventRead, nil)
		}
		for _, c := range closers {
			c()
		}
		for _, obj := range objects {
			if got, err := s.GetKey(obj); got != keys[obj] || err != nil {
				t.Errorf("GetKey of %T = %v, %v", obj, got, err)
			}
			if got, ok := s.GetMap().Get(obj); got != keys[obj] || !ok {
				t.Errorf("Get of %T = %v, %v", obj, got, ok)
			}
			key, err := s.Modify(obj, EventRead, "new")
			if err != nil || key.FileObj != obj || key.Data != "new" {
				t.Errorf("Modify of %T = %+v, %v", obj, key, err)
			}
			if _, err := s.Register(obj, EventRead, nil); !errors.Is(err, ErrRegistered) {
				t.Errorf("Register of a known one: %v", err)
			} else if !strings.Contains(err.Error(), fmt.Sprint(key.FD)) {
				t.Errorf("the text does not name the descriptor: %v", err)
			}
			if got, err := s.Unregister(obj); got != key || err != nil {
				t.Errorf("Unregister of %T = %v, %v", obj, got, err)
			}
		}
		for _, obj := range objects {
			for _, call := range keyCalls {
				if err := call.do(s, obj, EventRead); !errors.Is(err, ErrInvalidFileObj) {
					t.Errorf("%s of a %T that is closed and unknown: %v", call.name, obj, err)
				}
			}
		}
		if n := s.GetMap().Len(); n != 0 {
			t.Errorf("%d keys", n)
		}
	})
}

func TestAClosedObjectIsUnknownOnceItsDescriptorWasUnregistered(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a := writable(t)
		fd := fdOf(t, a)
		register(t, s, a, EventRead, nil)
		unregister(t, s, fd)
		a.Close()
		if _, err := s.GetKey(a); !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("GetKey: %v", err)
		}
	})
}

func TestAnObjectThatCantBeComparedWorksAsFarAsItsDescriptorCanBeHad(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		fd := fdOf(t, writable(t))
		type fder interface{ Fd() uintptr }
		type inInterface struct{ fder }
		for _, obj := range []any{
			uncomparable{fd: fd},
			inInterface{uncomparable{fd: fd}}, // its type can be compared, its value can't
		} {
			key := register(t, s, obj, EventRead, nil)
			if got, err := s.GetKey(obj); got != key || err != nil {
				t.Errorf("GetKey = %v, %v", got, err)
			}
			key = modify(t, s, obj, EventWrite, nil)
			soon(t, s, Ready{key, EventWrite})
			if _, err := s.GetKey(uncomparable{fd: -1}); !errors.Is(err, ErrInvalidFileObj) {
				t.Errorf("GetKey: %v", err)
			}
			if got := unregister(t, s, obj); got != key {
				t.Errorf("Unregister = %v", got)
			}
		}
	})
}

// largeObject does not share its memory with others, as small ones do.
type largeObject struct {
	fdObject
	_ [64]byte
}

func TestTheKeyKeepsTheObjectAlive(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var collected atomic.Bool
		fd := fdOf(t, writable(t))
		func() {
			obj := &largeObject{fdObject: fdObject{uintptr(fd)}}
			runtime.SetFinalizer(obj, func(*largeObject) { collected.Store(true) })
			register(t, s, obj, EventRead, nil)
		}()
		for range 5 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		if collected.Load() {
			t.Error("the object is gone while registered")
		}
		if _, err := s.Unregister(fd); err != nil {
			t.Fatal(err)
		}
		for begin := time.Now(); !collected.Load(); {
			runtime.GC()
			time.Sleep(time.Millisecond)
			if time.Since(begin) > hang {
				t.Fatal("the object is kept after Unregister")
			}
		}
	})
}

func TestTheDescriptorIsNeverClosedBySelector(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		register(t, s, a, EventRead, nil)
		register(t, s, fdOf(t, b), EventRead, nil)
		unregister(t, s, a)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		send(t, a)
		receive(t, b)
		send(t, b)
		receive(t, a)
	})
}

//
// Errors
//

func TestErrorsAreCheckedInTheirOrder(t *testing.T) {
	sentinels := []error{ErrClosed, ErrInvalidEvents, ErrInvalidFileObj, ErrRegistered, ErrNotRegistered}
	each(t, func(t *testing.T, s Selector) {
		registered, unknown := writable(t), writable(t)
		register(t, s, registered, EventRead, nil)
		for _, closed := range []bool{false, true} {
			if closed {
				s.Close()
			}
			for _, call := range keyCalls {
				for _, events := range []EventMask{EventRead, 0, 16} {
					for _, obj := range []any{nil, registered, unknown} {
						takesEvents := call.name == "Register" || call.name == "Modify"
						isRegister := call.name == "Register"
						var want error
						switch {
						case closed:
							want = ErrClosed
						case takesEvents && events != EventRead:
							want = ErrInvalidEvents
						case obj == nil:
							want = ErrInvalidFileObj
						case isRegister && obj == any(registered):
							want = ErrRegistered
						case !isRegister && obj == any(unknown):
							want = ErrNotRegistered
						default:
							continue // no error
						}
						err := call.do(s, obj, events)
						for _, sentinel := range sentinels {
							if errors.Is(err, sentinel) != (sentinel == want) {
								t.Errorf("%s(%T, %v), closed %v: %v, want %v", call.name, obj, events, closed, err, want)
							}
						}
						if errors.Is(err, os.ErrClosed) != closed {
							t.Errorf("%s(%T, %v), closed %v: %v is os.ErrClosed: %v", call.name, obj, events, closed, err, !closed)
						}
						names := []string{call.name, fmt.Sprintf("%T", obj)}
						if obj != nil {
							names = append(names, fmt.Sprint(fdOf(t, obj.(syscall.Conn))))
						}
						for _, name := range names {
							if !strings.Contains(err.Error(), name) {
								t.Errorf("the text does not name %s: %v", name, err)
							}
						}
					}
				}
			}
		}
	})
}

func TestInvalidEventsAreNamed(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		_, err := s.Register(c, EventRead|0x40, nil)
		if !errors.Is(err, ErrInvalidEvents) || !strings.Contains(err.Error(), "EventRead|0x40") {
			t.Errorf("Register: %v", err)
		}
	})
}

// checkClosed holds for a closed selector and for the zero value.
func checkClosed(t *testing.T, s Selector) {
	t.Helper()
	c := writable(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dst := make([]Ready, 1, 2)
	waits := map[string]func() ([]Ready, error){
		"Select(0)":           func() ([]Ready, error) { return s.Select(0) },
		"Select(-1)":          func() ([]Ready, error) { return s.Select(-1) },
		"Select(Forever)":     func() ([]Ready, error) { return s.Select(Forever) },
		"AppendReady":         func() ([]Ready, error) { return s.AppendReady(nil, Forever) },
		"SelectContext":       func() ([]Ready, error) { return s.SelectContext(context.Background()) },
		"SelectContext, done": func() ([]Ready, error) { return s.SelectContext(ctx) },
	}
	for name, wait := range waits {
		within(t, name, func() {
			if ready, err := wait(); len(ready) != 0 || !errors.Is(err, ErrClosed) || !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s = %v, %v", name, ready, err)
			} else if call, _, _ := strings.Cut(name, "("); !strings.Contains(err.Error(), strings.TrimSuffix(call, ", done")) {
				t.Errorf("the text does not name %s: %v", call, err)
			}
		})
	}
	if got, err := s.AppendReady(dst, 0); !errors.Is(err, ErrClosed) || len(got) != 1 || &got[0] != &dst[0] {
		t.Errorf("AppendReady = %v, %v", got, err)
	}
	for _, call := range keyCalls {
		if err := call.do(s, c, EventRead); !errors.Is(err, ErrClosed) || !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v", call.name, err)
		}
	}
	if err := s.Wakeup(); !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), "Wakeup") {
		t.Errorf("Wakeup: %v", err)
	}
	if m := s.GetMap(); m != nil {
		t.Errorf("GetMap = %v", m)
	}
	if f, ok := s.(interface{ Fd() uintptr }); ok && f.Fd() != ^uintptr(0) {
		t.Errorf("Fd = %d", f.Fd())
	}
}

func TestAnyCallOnAClosedSelectorIsErrClosed(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		register(t, s, a, EventRead|EventWrite, nil)
		register(t, s, b, EventWrite, nil)
		s.Wakeup()
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			checkClosed(t, s)
		}
	})
}

func TestAnyCallOnTheZeroValueIsErrClosed(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		zero := reflect.New(reflect.TypeOf(s).Elem()).Interface().(Selector)
		checkClosed(t, zero)
		if err := zero.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		checkClosed(t, zero)
	})
}

//
// Map
//

func TestTheMapIsALiveView(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := s.GetMap()
		a, b := writable(t), writable(t)
		check := func(want ...*SelectorKey) {
			t.Helper()
			if m.Len() != len(want) {
				t.Errorf("Len = %d, want %d", m.Len(), len(want))
			}
			all, keys, values := map[int]*SelectorKey{}, map[int]int{}, map[*SelectorKey]int{}
			for fd, key := range m.All() {
				if all[fd] != nil {
					t.Errorf("%d twice", fd)
				}
				all[fd] = key
			}
			for fd := range m.Keys() {
				keys[fd]++
			}
			for key := range m.Values() {
				values[key]++
			}
			if len(all) != len(want) || len(keys) != len(want) || len(values) != len(want) {
				t.Errorf("%d, %d and %d keys, want %d", len(all), len(keys), len(values), len(want))
			}
			for _, key := range want {
				if all[key.FD] != key || keys[key.FD] != 1 || values[key] != 1 {
					t.Errorf("%+v is missing, or there twice", key)
				}
				for _, obj := range []any{key.FileObj, key.FD} {
					if got, ok := m.Get(obj); got != key || !ok {
						t.Errorf("Get(%T) = %v, %v", obj, got, ok)
					}
				}
			}
		}
		check()
		if key, ok := m.Get(a); key != nil || ok {
			t.Errorf("Get = %v, %v", key, ok)
		}
		ka := register(t, s, a, EventRead, nil)
		check(ka)
		kb := register(t, s, b, EventRead, nil)
		check(ka, kb)
		ka = modify(t, s, a, EventWrite, nil)
		check(ka, kb)
		unregister(t, s, b)
		check(ka)
		s.Close()
		check()
		if key, ok := m.Get(a); key != nil || ok {
			t.Errorf("Get after Close = %v, %v", key, ok)
		}
	})
}

func TestEveryMethodWorksOnANilMap(t *testing.T) {
	var m *Map
	if m.Len() != 0 {
		t.Errorf("Len = %d", m.Len())
	}
	if key, ok := m.Get(0); key != nil || ok {
		t.Errorf("Get = %v, %v", key, ok)
	}
	if key, ok := m.Get(nil); key != nil || ok {
		t.Errorf("Get = %v, %v", key, ok)
	}
	for range m.All() {
		t.Error("All yields")
	}
	for range m.Keys() {
		t.Error("Keys yields")
	}
	for range m.Values() {
		t.Error("Values yields")
	}
}

func TestTheBodyOfALoopOverTheMapMayCallAnyMethod(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := s.GetMap()
		fill := func() (keys map[int]bool) {
			keys = make(map[int]bool)
			for range 10 {
				keys[register(t, s, writable(t), EventRead, nil).FD] = true
			}
			return keys
		}
		clear := func() {
			for fd := range m.Keys() {
				unregister(t, s, fd)
			}
			if m.Len() != 0 {
				t.Fatalf("%d keys are left", m.Len())
			}
		}
		within(t, "the loop", func() {
			// Each key is taken away as it is yielded.
			fill()
			clear()

			// Every other key is taken away at the first.
			keys := fill()
			seen := make(map[int]int)
			for fd := range m.All() {
				if len(seen) == 0 {
					for other := range keys {
						if other != fd && len(keys) > 5 {
							unregister(t, s, other)
							delete(keys, other)
						}
					}
				}
				seen[fd]++
			}
			for fd := range keys {
				if seen[fd] != 1 {
					t.Errorf("%d, there throughout, was yielded %d times", fd, seen[fd])
				}
			}
			if len(seen) != len(keys) {
				t.Errorf("%d keys were yielded, %d are there", len(seen), len(keys))
			}
			clear()

			// Keys are changed, added, and one goes and comes.
			keys = fill()
			seen = make(map[int]int)
			added := 0
			for key := range m.Values() {
				seen[key.FD]++
				modify(t, s, key.FD, EventWrite, "new")
				unregister(t, s, key.FD)
				register(t, s, key.FileObj, EventRead, nil)
				if added < 5 {
					added++
					register(t, s, writable(t), EventRead, nil)
				}
				if _, err := s.Select(0); err != nil {
					t.Error(err)
				}
				for range m.Keys() {
					break
				}
				m.Len()
				s.Wakeup()
			}
			for fd, n := range seen {
				if n != 1 {
					t.Errorf("%d was yielded %d times", fd, n)
				}
			}
			for fd := range keys {
				if seen[fd] != 1 {
					t.Errorf("%d was yielded %d times", fd, seen[fd])
				}
			}

			n := 0
			for range m.All() {
				n++
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if n != 1 {
				t.Errorf("%d keys of a closed selector", n)
			}
		})
	})
}

func TestALoopOverTheMapMayBeLeft(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		for range 3 {
			register(t, s, writable(t), EventRead, nil)
		}
		n := 0
		for range s.GetMap().All() {
			n++
			break
		}
		for range s.GetMap().Keys() {
			n++
			break
		}
		for range s.GetMap().Values() {
			n++
			break
		}
		if n != 3 {
			t.Errorf("%d rounds", n)
		}
	})
}

//
// Select
//

func TestSelectIsLevelTriggered(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		now(t, s)
		send(t, b)
		send(t, b)
		for range 3 {
			soon(t, s, Ready{key, EventRead})
		}
		for range 3 {
			now(t, s, Ready{key, EventRead})
		}
		receive(t, a)
		soon(t, s, Ready{key, EventRead})
		receive(t, a)
		now(t, s)
		idle(t, s)
	})
}

func TestSelectReturnsEachKeyOnceWithReadAndWriteTogether(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead|EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		send(t, b)
		soon(t, s, Ready{key, EventRead | EventWrite})
		now(t, s, Ready{key, EventRead | EventWrite})
		receive(t, a)
		now(t, s, Ready{key, EventWrite})
	})
}

func TestTheMaskHasNoBitThatWasNotAskedFor(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		send(t, b)
		key := register(t, s, a, EventRead, nil)
		soon(t, s, Ready{key, EventRead})
		key = modify(t, s, a, EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		b.Close() // hang-up and error count as what was asked for
		for _, events := range []EventMask{EventRead, EventWrite, EventRead | EventWrite} {
			key = modify(t, s, a, events, nil)
			ready, err := s.Select(hang)
			if err != nil || len(ready) != 1 || ready[0].Key != key {
				t.Fatalf("Select = %v, %v", format(ready), err)
			}
			if extra := ready[0].Events &^ events; extra != 0 || ready[0].Events == 0 {
				t.Errorf("asked for %v, got %v", events, ready[0].Events)
			}
		}
	})
}

// Selectors have buffers of 64, 128 and so on.
const many = 150

func TestSelectReturnsEveryReadyDescriptorInOneCall(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var want []Ready
		for i := range many {
			c := writable(t)
			events := EventWrite
			if i%3 == 0 {
				events |= EventRead
			}
			want = append(want, Ready{register(t, s, c, events, i), EventWrite})
			if i%10 == 0 {
				register(t, s, writable(t), EventRead, "idle")
			}
			if n := len(want); n == 63 || n == 64 || n == 65 || n == 128 {
				soon(t, s, want...)
			}
		}
		soon(t, s, want...)
		now(t, s, want...)
		for len(want) > many/2 {
			unregister(t, s, want[0].Key.FileObj)
			want = want[1:]
		}
		now(t, s, want...)
	})
}

func TestABlockedSelectReturnsEveryReadyDescriptorInOneCall(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := startSelect(s, Forever)
		want := make(map[*SelectorKey]bool)
		for range many {
			want[register(t, s, writable(t), EventWrite, nil)] = true
		}
		a := end(t, c)
		if a.err != nil || len(a.ready) == 0 {
			t.Fatalf("Select = %v, %v", format(a.ready), a.err)
		}
		seen := make(map[*SelectorKey]bool)
		for _, r := range a.ready {
			if seen[r.Key] || !want[r.Key] || r.Events != EventWrite {
				t.Errorf("%v", format([]Ready{r}))
			}
			seen[r.Key] = true
		}
	})
}

func TestTimeoutIsWaitedForAtLeast(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		check := func(timeout time.Duration) {
			t.Helper()
			begin := time.Now()
			ready, err := s.Select(timeout)
			took := time.Since(begin)
			if err != nil || len(ready) != 0 {
				t.Fatalf("Select(%v) = %v, %v", timeout, format(ready), err)
			}
			if took < timeout {
				t.Errorf("Select(%v) took %v", timeout, took)
			}
		}
		for range 2 {
			for _, timeout := range []time.Duration{1, 999, time.Microsecond, 1001, 100 * time.Microsecond, 999_999,
				time.Millisecond, 1_000_001, 1_500_000, 2_000_001, 2_999_999, 15 * time.Millisecond, 20_400_000} {
				check(timeout)
			}
			for i := range 20 {
				check(time.Duration(i) * 137_137)
			}
			// With something registered as with nothing.
			a, _ := tcpPair(t)
			register(t, s, a, EventRead, nil)
		}
	})
}

func TestTimeoutOfZeroOrLessDoesNotBlock(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		for _, registered := range []bool{false, true} {
			if registered {
				register(t, s, a, EventRead, nil)
			}
			for _, timeout := range []time.Duration{0, -1, -time.Millisecond, -time.Hour, math.MinInt64} {
				within(t, "Select", func() {
					if ready, err := s.Select(timeout); len(ready) != 0 || err != nil {
						t.Errorf("Select(%v) = %v, %v", timeout, format(ready), err)
					}
				})
			}
		}
		key := register(t, s, writable(t), EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		for _, timeout := range []time.Duration{0, -1, -time.Hour, math.MinInt64} {
			if ready, err := s.Select(timeout); err != nil || !same(ready, []Ready{{key, EventWrite}}) {
				t.Errorf("Select(%v) = %v, %v", timeout, format(ready), err)
			}
		}
	})
}

func TestForeverAndTheLargestTimeoutsBlock(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		timeouts := []time.Duration{Forever, Forever - 1, 1 << 62, 292 * 365 * 24 * time.Hour, 1 << 32 * time.Second,
			1<<31*time.Second - 1, 1 << 31 * time.Second, 1 << 32 * time.Millisecond, 1<<31*time.Millisecond - 1,
			1 << 31 * time.Millisecond, 1<<31*time.Microsecond - 1, 1 << 32 * time.Microsecond, 25 * time.Hour}
		for _, nothing := range []bool{true, false} {
			if !nothing {
				a, _ := tcpPair(t)
				register(t, s, a, EventRead, nil)
			}
			c := make(chan answer, len(timeouts))
			for _, timeout := range timeouts {
				go func() {
					ready, err := s.Select(timeout)
					if len(ready) != 0 || err != nil {
						t.Errorf("Select(%v) = %v, %v", timeout, format(ready), err)
					}
					c <- answer{ready, err}
				}()
			}
			time.Sleep(settle)
			stillBlocked(t, c)
			for range timeouts {
				if err := s.Wakeup(); err != nil {
					t.Fatal(err)
				}
				wants(t, end(t, c))
			}
			s.Select(0) // takes the Wakeup that nobody may have been there for
		}
	})
}

func TestWithNothingRegisteredSelectWaitsAllTheSame(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		idle(t, s)
		c := writable(t)
		register(t, s, c, EventWrite, nil)
		unregister(t, s, c)
		idle(t, s)
		blocked := startSelect(s, Forever)
		stillBlocked(t, blocked)
		key := register(t, s, c, EventWrite, nil)
		wants(t, end(t, blocked), Ready{key, EventWrite})
	})
}

func TestTheReturnedSliceIsTheCallers(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		key := register(t, s, writable(t), EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		first, err := s.Select(hang)
		if err != nil || len(first) != 1 {
			t.Fatalf("Select = %v, %v", format(first), err)
		}
		first[0] = Ready{nil, 0x40}
		other := register(t, s, writable(t), EventWrite, nil)
		soon(t, s, Ready{key, EventWrite}, Ready{other, EventWrite})
		if first[0] != (Ready{nil, 0x40}) {
			t.Errorf("it was written to: %+v", first[0])
		}
	})
}

func TestUrgentDataAndOrdinaryDataAreToldApart(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		urgent, err := s.Register(a, EventPriority, nil)
		if errors.Is(err, errors.ErrUnsupported) {
			// KqueueSelector on FreeBSD and NetBSD.
			if urgent != nil || s.GetMap().Len() != 0 {
				t.Errorf("Register leaves %v behind", urgent)
			}
			key := register(t, s, a, EventWrite, nil)
			if _, err := s.Modify(a, EventRead|EventPriority, nil); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("Modify: %v", err)
			}
			if got, err := s.GetKey(a); got != key || err != nil {
				t.Errorf("GetKey = %v, %v", got, err)
			}
			soon(t, s, Ready{key, EventWrite})
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		c, d := tcpPair(t)
		both := register(t, s, c, EventRead|EventPriority, nil)
		send(t, b)
		send(t, d)
		soon(t, s, Ready{both, EventRead}) // ordinary data is not urgent
		receive(t, a)
		receive(t, c)
		now(t, s)

		sendUrgent(t, b)
		soon(t, s, Ready{urgent, EventPriority})
		sendUrgent(t, d)
		soon(t, s, Ready{urgent, EventPriority}, Ready{both, EventPriority})
		modify(t, s, a, EventRead, nil) // urgent data is not ordinary
		modify(t, s, c, EventRead, nil)
		now(t, s)
		idle(t, s)
	})
}

//
// AppendReady
//

func TestAppendReadyAppendsToTheCallersSlice(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var want []Ready
		for range many {
			want = append(want, Ready{register(t, s, writable(t), EventWrite, nil), EventWrite})
		}
		soon(t, s, want...)
		// The prefix is kept, though it has the same keys, whatever fits into
		// the slice.
		dst, err := s.AppendReady(nil, 0)
		if err != nil || !same(dst, want) {
			t.Fatalf("AppendReady = %v, %v", format(dst), err)
		}
		for i := range dst {
			dst[i].Events = 0x40
		}
		for _, n := range []int{many, 1, many - 1, 3} {
			prefix := dst[:n:n]
			if n%2 == 1 {
				prefix = append(make([]Ready, 0, 3*many), prefix...)
			}
			got, err := s.AppendReady(prefix, hang)
			if err != nil || len(got) != n+many || !same(got[n:], want) {
				t.Fatalf("AppendReady of %d = %v, %v", n, format(got), err)
			}
			for i := range n {
				if got[i] != dst[i] {
					t.Errorf("element %d is %v", i, format(got[i:i+1]))
				}
			}
			if n%2 == 1 && &got[0] != &prefix[0] {
				t.Error("it fits, and has moved")
			}
		}
	})
}

func TestAppendReadyGivesBackDstItself(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		other := writable(t)
		wake := func() {
			if err := s.Wakeup(); err != nil {
				t.Error(err)
			}
		}
		var over chan struct{}
		wakeSeveral := func() {
			// Those who come out first find what wakes the others.
			over := over
			for range 8 {
				go s.Select(settle / 2)
			}
			go func() {
				for {
					select {
					case <-over:
						return
					case <-time.After(settle / 4):
						s.Wakeup()
					}
				}
			}()
		}
		change := func() {
			time.AfterFunc(settle/2, func() {
				s.Register(other, EventRead, nil)
				s.Unregister(other)
			})
		}
		for _, tt := range []struct {
			name    string
			before  func()
			timeout time.Duration
			err     error
		}{
			{"nothing ready", func() {}, 0, nil},
			{"the timeout over", func() {}, time.Millisecond, nil},
			{"changes during the wait", change, settle, nil},
			{"a Wakeup before", wake, Forever, nil},
			{"a Wakeup during the wait", func() { time.AfterFunc(settle, wake) }, Forever, nil},
			{"a Wakeup during several waits", wakeSeveral, Forever, nil},
			{"closed during the wait", func() { time.AfterFunc(settle, func() { s.Close() }) }, Forever, ErrClosed},
			{"closed", func() {}, Forever, ErrClosed},
		} {
			for _, dst := range [][]Ready{nil, {}, {{key, EventRead}}, make([]Ready, 1, 10), make([]Ready, 0, 10)} {
				if tt.err != nil && dst == nil {
					continue // closed with the first
				}
				over = make(chan struct{})
				tt.before()
				within(t, "AppendReady", func() {
					got, err := s.AppendReady(dst, tt.timeout)
					if !errors.Is(err, tt.err) {
						t.Errorf("%s: %v", tt.name, err)
					}
					if (got == nil) != (dst == nil) || len(got) != len(dst) || cap(got) != cap(dst) ||
						cap(dst) > 0 && &got[:1][0] != &dst[:1][0] {
						t.Errorf("%s: not dst itself: %d of %d, want %d of %d", tt.name, len(got), cap(got), len(dst), cap(dst))
					}
				})
				close(over)
			}
		}
	})
}

func TestAppendReadyAllocatesNothingOnceWarm(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		var dst []Ready
		ready := func(timeout time.Duration) func() {
			return func() {
				var err error
				if dst, err = s.AppendReady(dst[:0], timeout); err != nil {
					t.Fatal(err)
				}
			}
		}
		check := func(what string, f func()) {
			t.Helper()
			f()
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s: %v allocations", what, n)
			}
		}
		a, b := tcpPair(t)
		register(t, s, a, EventRead, nil)
		check("nothing ready", ready(0))
		check("blocked", ready(100*time.Microsecond))
		send(t, b)
		check("something ready", ready(hang))
		receive(t, a)

		var conns []*net.TCPConn
		for range many {
			conns = append(conns, writable(t))
			register(t, s, conns[len(conns)-1], EventWrite, nil)
		}
		check("many ready", ready(Forever))

		// Descriptors come and go, at a constant number. What registering
		// allocates doesn't count.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		extra := writable(t)
		for _, timeout := range []time.Duration{0, 100 * time.Microsecond} {
			if timeout > 0 {
				for _, c := range conns {
					modify(t, s, c, EventRead, nil)
				}
			}
			f := ready(timeout)
			const runs = 500
			var before, after runtime.MemStats
			var total uint64
			for i := range 2 * runs {
				out, in := &conns[i%len(conns)], &extra
				key := unregister(t, s, *out)
				register(t, s, *in, key.Events, nil)
				*out, *in = *in, *out
				runtime.ReadMemStats(&before)
				f()
				runtime.ReadMemStats(&after)
				if i >= runs {
					total += after.Mallocs - before.Mallocs
				}
			}
			if total/runs != 0 {
				t.Errorf("%d allocations in %d calls of timeout %v, while descriptors come and go", total, runs, timeout)
			}
		}
	})
}

//
// Wakeup
//

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

func TestWithNobodyBlockedTheNextWaitOfAnyKindTakesTheWakeup(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		for _, calls := range []int{1, 3} { // which collapse into one
			for _, kind := range waitKinds {
				for range calls {
					wakeup(t, s)
				}
				within(t, kind.name, func() {
					if ready, err := kind.wait(s); len(ready) != 0 || err != nil {
						t.Errorf("%s = %v, %v", kind.name, format(ready), err)
					}
				})
				idle(t, s)

				// With something ready.
				key := register(t, s, c, EventWrite, nil)
				soon(t, s, Ready{key, EventWrite})
				for range calls {
					wakeup(t, s)
				}
				within(t, kind.name, func() {
					if ready, err := kind.wait(s); !same(ready, []Ready{{key, EventWrite}}) || err != nil {
						t.Errorf("%s = %v, %v", kind.name, format(ready), err)
					}
				})
				unregister(t, s, c)
				idle(t, s)
			}
		}
	})
}

func TestAWakeupIsKeptUntilAWaitTakesIt(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		wakeup(t, s)
		key := register(t, s, c, EventRead, nil)
		modify(t, s, c, EventRead, key)
		unregister(t, s, c)
		for range s.GetMap().All() {
		}
		wants(t, end(t, startSelect(s, Forever)))
		idle(t, s)
	})
}

func TestWakeupEndsABlockedWaitOfAnyKind(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		for _, registered := range []bool{false, true} {
			if registered {
				register(t, s, a, EventRead, nil)
			}
			for _, kind := range waitKinds {
				if strings.Contains(kind.name, "0") || strings.Contains(kind.name, "-1") {
					continue
				}
				c := start(func() ([]Ready, error) { return kind.wait(s) })
				wakeup(t, s)
				wants(t, end(t, c))
				idle(t, s)
			}
		}
	})
}

func TestWakeupEndsAtLeastOneOfSeveralBlockedWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const n = 4
		c := make(chan answer, n)
		for range n {
			go func() {
				ready, err := s.Select(Forever)
				c <- answer{ready, err}
			}()
		}
		time.Sleep(settle)
		for range n {
			wakeup(t, s)
			wants(t, end(t, c))
		}
		s.Select(0) // takes the Wakeup that nobody may have been there for
		idle(t, s)
	})
}

func TestNoWakeupIsLostBetweenAWaitsBeginningAndItsSleep(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		rounds := 2000
		if testing.Short() {
			rounds = 200
		}
		within(t, "Select", func() {
			for i := range rounds {
				go func() {
					for range i % 7 {
						runtime.Gosched()
					}
					if err := s.Wakeup(); err != nil {
						t.Error(err)
					}
				}()
				if ready, err := s.Select(Forever); len(ready) != 0 || err != nil {
					t.Errorf("Select = %v, %v", format(ready), err)
				}
			}
		})
		idle(t, s)
	})
}

//
// SelectContext
//

func TestSelectContextWaitsUntilSomethingIsReady(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for _, ctx := range []context.Context{context.Background(), ctx} {
			a, b := tcpPair(t)
			key := register(t, s, a, EventRead, nil)
			c := start(func() ([]Ready, error) { return s.SelectContext(ctx) })
			stillBlocked(t, c)
			send(t, b)
			wants(t, end(t, c), Ready{key, EventRead})
			wants(t, end(t, start(func() ([]Ready, error) { return s.SelectContext(ctx) })), Ready{key, EventRead})
			unregister(t, s, a)
		}
	})
}

// ownContext is a context that the context package doesn't know.
type ownContext struct {
	context.Context
	done chan struct{}
	err  atomic.Pointer[error]
}

func (c *ownContext) Done() <-chan struct{} { return c.done }

func (c *ownContext) Err() error {
	if err := c.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (c *ownContext) end(err error) {
	c.err.Store(&err)
	close(c.done)
}

var errOwn = errors.New("own")

// contexts returns contexts of all sorts, each with what ends it, if it does
// not end by itself, and the error that it has then.
func contexts(t *testing.T) map[string]func() (ctx context.Context, end func(), err error) {
	type key struct{}
	return map[string]func() (context.Context, func(), error){
		"WithCancel": func() (context.Context, func(), error) {
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			return ctx, cancel, context.Canceled
		},
		"WithCancelCause": func() (context.Context, func(), error) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return ctx, func() { cancel(errOwn) }, context.Canceled
		},
		"WithValue": func() (context.Context, func(), error) {
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			return context.WithValue(ctx, key{}, 1), cancel, context.Canceled
		},
		"WithTimeout": func() (context.Context, func(), error) {
			ctx, cancel := context.WithTimeout(context.Background(), 3*settle/2)
			t.Cleanup(cancel)
			return ctx, func() {}, context.DeadlineExceeded
		},
		"own": func() (context.Context, func(), error) {
			ctx := &ownContext{Context: context.Background(), done: make(chan struct{})}
			return ctx, func() { ctx.end(errOwn) }, errOwn
		},
		"of an own one": func() (context.Context, func(), error) {
			parent := &ownContext{Context: context.Background(), done: make(chan struct{})}
			ctx, cancel := context.WithCancel(parent)
			t.Cleanup(cancel)
			return ctx, func() { parent.end(errOwn) }, errOwn
		},
	}
}

func TestSelectContextReturnsTheErrorOfACtxThatEndsDuringTheWait(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		for name, make := range contexts(t) {
			ctx, finish, want := make()
			other := startSelect(s, Forever)
			c := start(func() ([]Ready, error) { return s.SelectContext(ctx) })
			finish()
			got := end(t, c)
			if len(got.ready) != 0 || got.err != ctx.Err() || got.err != want {
				t.Errorf("%s: SelectContext = %v, %v, want %v", name, format(got.ready), got.err, want)
			}
			if ctx.Err() == nil {
				t.Errorf("%s: before the end", name)
			}
			stillBlocked(t, other) // it is nobody else's context
			wakeup(t, s)
			wants(t, end(t, other))
		}
		idle(t, s)
	})
}

func TestACtxThatIsDoneGivesItsErrorWithoutALook(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		key := register(t, s, writable(t), EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		for name, make := range contexts(t) {
			ctx, finish, _ := make()
			finish()
			<-ctx.Done()
			for range 2 {
				ready, err := s.SelectContext(ctx)
				if len(ready) != 0 || err != ctx.Err() || err == nil {
					t.Errorf("%s: SelectContext = %v, %v", name, format(ready), err)
				}
			}
		}
	})
}

func TestACtxThatIsDoneTakesNoWakeup(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		wakeup(t, s)
		if ready, err := s.SelectContext(ctx); len(ready) != 0 || err != context.Canceled {
			t.Errorf("SelectContext = %v, %v", format(ready), err)
		}
		wants(t, end(t, startSelect(s, Forever)))
		idle(t, s)
	})
}

// askedContext tells when it was asked for its error first.
type askedContext struct {
	context.Context
	once  sync.Once
	asked chan struct{}
}

func (c *askedContext) Err() error {
	err := c.Context.Err()
	c.once.Do(func() { close(c.asked) })
	return err
}

func TestADescriptorFoundReadyAsCtxEndsIsReturned(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		for i := range 50 {
			parent, cancel := context.WithCancel(context.Background())
			ctx := &askedContext{Context: parent, asked: make(chan struct{})}
			register(t, s, c, EventRead, nil)
			done := make(chan answer, 1)
			go func() {
				ready, err := s.SelectContext(ctx)
				done <- answer{ready, err}
			}()
			<-ctx.asked
			if i%2 == 0 {
				time.Sleep(time.Millisecond)
			}
			// Ready first, the end next: whichever wakes the wait, it finds both.
			key := modify(t, s, c, EventWrite, nil)
			cancel()
			wants(t, end(t, done), Ready{key, EventWrite})
			unregister(t, s, c)
		}
	})
}

func TestANilCtxPanics(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		defer func() {
			if recover() == nil {
				t.Error("it doesn't")
			}
		}()
		s.SelectContext(nil) //lint:ignore SA1012 that is what is tested
	})
}

//
// Concurrency
//

func TestChangesTakeEffectInABlockedSelectAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		quiet, _ := tcpPair(t)
		register(t, s, quiet, EventRead, nil)

		// Register of what is ready, or becomes so.
		c := writable(t)
		blocked := startSelect(s, Forever)
		key := register(t, s, c, EventWrite, nil)
		wants(t, end(t, blocked), Ready{key, EventWrite})
		unregister(t, s, c)

		a, b := tcpPair(t)
		blocked = startSelect(s, Forever)
		key = register(t, s, a, EventRead, nil)
		stillBlocked(t, blocked)
		send(t, b)
		wants(t, end(t, blocked), Ready{key, EventRead})
		receive(t, a)

		// Modify.
		blocked = startSelect(s, Forever)
		key = modify(t, s, a, EventWrite, "new")
		wants(t, end(t, blocked), Ready{key, EventWrite})
		modify(t, s, a, EventRead, nil)
		blocked = startSelect(s, Forever)
		key = modify(t, s, a, EventRead, "data alone")
		send(t, b)
		wants(t, end(t, blocked), Ready{key, EventRead})
		receive(t, a)

		// Unregister.
		blocked = startSelect(s, Forever)
		unregister(t, s, a)
		send(t, b)
		stillBlocked(t, blocked)
		key = register(t, s, c, EventWrite, nil)
		wants(t, end(t, blocked), Ready{key, EventWrite})
	})
}

func TestChangesNeverWaitForABlockedSelectToEnd(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		b, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		c := make(chan answer, 3)
		for range cap(c) {
			go func() {
				ready, err := s.Select(Forever)
				c <- answer{ready, err}
			}()
		}
		time.Sleep(settle)
		within(t, "a change", func() {
			for range 10 {
				register(t, s, b, EventRead, nil)
				modify(t, s, a, EventRead|EventWrite, nil)
				modify(t, s, a, EventRead, nil)
				s.GetKey(a)
				for range s.GetMap().All() {
				}
				unregister(t, s, b)
			}
		})
		// The mask that was there for a moment may have ended some of them.
		within(t, "Close", func() { s.Close() })
		for range cap(c) {
			if a := end(t, c); a.err != nil && !errors.Is(a.err, ErrClosed) {
				t.Errorf("Select: %v", a.err)
			}
		}
	})
}

func TestAChangeThatMakesNothingReadyEndsNoWait(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		b, _ := tcpPair(t)
		blocked := startSelect(s, Forever)
		for range 10 {
			register(t, s, a, EventRead, nil)
			register(t, s, b, EventRead, nil)
			modify(t, s, a, EventRead, "new")
			unregister(t, s, a)
			unregister(t, s, b)
		}
		stillBlocked(t, blocked)
		wakeup(t, s)
		wants(t, end(t, blocked))

		// Nor is a timeout shortened by changes.
		begin := time.Now()
		const timeout = 5 * settle
		blocked = startSelect(s, timeout)
		for range 20 {
			register(t, s, a, EventRead, nil)
			unregister(t, s, a)
			time.Sleep(settle / 10)
		}
		wants(t, end(t, blocked))
		if took := time.Since(begin); took < timeout {
			t.Errorf("a wait of %v took %v", timeout, took)
		}
	})
}

func TestAReadyDescriptorIsReportedToAtLeastOneOfSeveralWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const n = 4
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		for range 10 {
			c := make(chan answer, n)
			for range n {
				go func() {
					ready, err := s.Select(Forever)
					c <- answer{ready, err}
				}()
			}
			time.Sleep(settle / 10)
			send(t, b)
			wants(t, end(t, c), Ready{key, EventRead})
			receive(t, a)
			// The others may have seen it, too, or sleep.
			for range n - 1 {
				wakeup(t, s)
				if a := end(t, c); a.err != nil {
					t.Fatal(a.err)
				}
			}
			s.Select(0)
		}
	})
}

func TestOnceUnregisterHasReturnedNoLaterSelectReportsTheKey(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		send(t, b)
		other := register(t, s, writable(t), EventWrite, nil)
		for range 100 {
			key := register(t, s, a, EventRead|EventWrite, nil)
			ready, err := s.Select(hang)
			if err != nil || len(ready) == 0 {
				t.Fatalf("Select = %v, %v", format(ready), err)
			}
			if unregister(t, s, a) != key {
				t.Error("another key")
			}
			now(t, s, Ready{other, EventWrite})
			again := register(t, s, a, EventWrite, nil)
			soon(t, s, Ready{other, EventWrite}, Ready{again, EventWrite})
			unregister(t, s, a)
		}
	})
}

func TestCloseEndsEveryBlockedWaitWithErrClosed(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			for _, registered := range []bool{false, true} {
				s := open(t, tt)
				if registered {
					a, _ := tcpPair(t)
					register(t, s, a, EventRead, nil)
				}
				m := s.GetMap()
				n := 0
				c := make(chan answer, len(waitKinds)*2)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				for _, kind := range waitKinds {
					if strings.Contains(kind.name, "0") || strings.Contains(kind.name, "-1") {
						continue
					}
					n++
					go func() {
						ready, err := kind.wait(s)
						c <- answer{ready, err}
					}()
				}
				n++
				go func() {
					ready, err := s.SelectContext(ctx)
					c <- answer{ready, err}
				}()
				time.Sleep(settle)
				within(t, "Close", func() {
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				if m.Len() != 0 || s.GetMap() != nil {
					t.Error("there are keys after Close")
				}
				for range n {
					if a := end(t, c); len(a.ready) != 0 || !errors.Is(a.err, ErrClosed) || !errors.Is(a.err, os.ErrClosed) {
						t.Errorf("a wait ended with %v, %v", format(a.ready), a.err)
					}
				}
			}
		})
	}
}

func TestCloseRacingWithEverythingElseHangsNothing(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			rounds := 100
			if testing.Short() {
				rounds = 10
			}
			a, b := writable(t), writable(t)
			for i := range rounds {
				s := open(t, tt)
				var wg sync.WaitGroup
				run := func(f func() error) {
					wg.Go(func() {
						for {
							if err := f(); err != nil {
								if !errors.Is(err, ErrClosed) {
									t.Error(err)
								}
								return
							}
							runtime.Gosched()
						}
					})
				}
				for range 3 {
					run(func() error { _, err := s.Select(Forever); return err })
				}
				run(func() error { _, err := s.SelectContext(context.Background()); return err })
				run(func() error { _, err := s.Select(time.Microsecond); return err })
				run(func() error { return s.Wakeup() })
				for _, c := range []*net.TCPConn{a, b} {
					run(func() error {
						if _, err := s.Register(c, EventRead, nil); err != nil {
							return err
						}
						if _, err := s.Modify(c, EventWrite, nil); err != nil {
							return err
						}
						_, err := s.Unregister(c)
						return err
					})
				}
				for range i % 5 {
					runtime.Gosched()
				}
				if i%2 == 0 {
					time.Sleep(time.Duration(i) * 10 * time.Microsecond)
				}
				for range 2 {
					wg.Go(func() {
						if err := s.Close(); err != nil {
							t.Error(err)
						}
					})
				}
				within(t, "something", wg.Wait)
			}
		})
	}
}

func TestGoroutinesAreBackToTheirNumberAfterClose(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			a, _ := tcpPair(t)
			before := runtime.NumGoroutine()
			for range 3 {
				s, err := tt.open()
				if err != nil {
					t.Fatal(err)
				}
				register(t, s, a, EventRead, nil)
				ctx := &ownContext{Context: context.Background(), done: make(chan struct{})}
				blocked := []<-chan answer{
					startSelect(s, Forever),
					startSelect(s, time.Hour),
					start(func() ([]Ready, error) { return s.SelectContext(ctx) }),
				}
				s.Close()
				for _, c := range blocked {
					end(t, c)
				}
			}
			for begin := time.Now(); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
				if time.Since(begin) > hang {
					t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
				}
			}
		})
	}
}

func TestABlockedSelectDoesNotKeepOtherGoroutinesFromRunning(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		var begun, ended atomic.Bool
		go func() {
			begun.Store(true)
			s.Select(10 * settle)
			ended.Store(true)
		}()
		for !begun.Load() {
			runtime.Gosched()
		}
		progress := 0
		for !ended.Load() {
			progress++
			runtime.Gosched()
		}
		if progress < 100 {
			t.Errorf("another goroutine ran %d times during a wait", progress)
		}
	})
}

//
// All at once
//

// record is the data of a key in a storm.
type record struct {
	gone     atomic.Int64 // when Unregister had returned, 0 before
	reported chan EventMask
}

// A storm checks what a selector reports while registrations come and go: no
// key in a Select that began after its Unregister returned.
type storm struct {
	t     *testing.T
	s     Selector
	clock atomic.Int64
	over  atomic.Bool
}

// watch selects until the storm is over.
func (m *storm) watch(wait func() ([]Ready, error)) {
	for !m.over.Load() {
		began := m.clock.Add(1)
		ready, err := wait()
		if err != nil {
			m.t.Errorf("Select: %v", err)
			return
		}
		seen := make(map[*SelectorKey]bool)
		for _, r := range ready {
			rec := r.Key.Data.(*record)
			if gone := rec.gone.Load(); gone != 0 && gone < began {
				m.t.Errorf("%d is reported after Unregister", r.Key.FD)
			}
			if seen[r.Key] {
				m.t.Errorf("%d is reported twice", r.Key.FD)
			}
			seen[r.Key] = true
			if extra := r.Events &^ r.Key.Events; extra != 0 || r.Events == 0 {
				m.t.Errorf("%d is reported with %v, asked for %v", r.Key.FD, r.Events, r.Key.Events)
			}
			select {
			case rec.reported <- r.Events:
			default:
			}
		}
		runtime.Gosched()
	}
}

func (m *storm) register(fileobj any, events EventMask) *record {
	rec := &record{reported: make(chan EventMask, 1)}
	if _, err := m.s.Register(fileobj, events, rec); err != nil {
		m.t.Errorf("Register: %v", err)
	}
	return rec
}

func (m *storm) unregister(fileobj any, rec *record) {
	if _, err := m.s.Unregister(fileobj); err != nil {
		m.t.Errorf("Unregister: %v", err)
	}
	rec.gone.Store(m.clock.Add(1))
}

// expect waits until rec is reported with an event.
func (m *storm) expect(rec *record, event EventMask) {
	timeout := time.After(hang)
	for {
		select {
		case got := <-rec.reported:
			if got&event != 0 {
				return
			}
		case <-timeout:
			m.t.Errorf("%v is lost", event)
			return
		}
	}
}

// run lets workers do their rounds while others select, for a while.
func (m *storm) run(workers ...func()) {
	length := 700 * time.Millisecond
	if testing.Short() {
		length = 100 * time.Millisecond
	}
	var watchers, working sync.WaitGroup
	for range 2 {
		watchers.Go(func() { m.watch(func() ([]Ready, error) { return m.s.Select(Forever) }) })
	}
	watchers.Go(func() { m.watch(func() ([]Ready, error) { return m.s.SelectContext(context.Background()) }) })
	watchers.Go(func() {
		var dst []Ready
		m.watch(func() (_ []Ready, err error) {
			dst, err = m.s.AppendReady(dst[:0], 100*time.Microsecond)
			return dst, err
		})
	})
	begin := time.Now()
	for _, round := range workers {
		working.Go(func() {
			for time.Since(begin) < length && !m.t.Failed() {
				round()
			}
		})
	}
	within(m.t, "a worker", working.Wait)
	m.over.Store(true)
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		watchers.Wait()
	}()
	for begin := time.Now(); ; {
		m.s.Wakeup()
		select {
		case <-stop:
			if n := m.s.GetMap().Len(); n != 0 && !m.t.Failed() {
				m.t.Errorf("%d keys are left", n)
			}
			return
		case <-time.After(time.Millisecond):
			if time.Since(begin) > hang {
				m.t.Fatal("a wait hangs")
			}
		}
	}
}

func TestNothingIsLostOrReportedLateInAStorm(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		m := &storm{t: t, s: s}
		var workers []func()
		for range 3 {
			a, b := tcpPair(t)
			workers = append(workers, func() {
				rec := m.register(a, EventRead)
				send(t, b)
				m.expect(rec, EventRead)
				if key, err := s.Modify(a, EventWrite, rec); err != nil || key.Data != any(rec) {
					t.Errorf("Modify = %v, %v", key, err)
				}
				m.expect(rec, EventWrite)
				m.unregister(a, rec)
				receive(t, a)
			})
			workers = append(workers, func() {
				c := writable(t) // a new socket, most often with an old number
				rec := m.register(c, EventRead|EventWrite)
				m.expect(rec, EventWrite)
				m.unregister(c, rec)
				c.Close()
			})
		}
		workers = append(workers, func() {
			n := 0
			for fd, key := range s.GetMap().All() {
				if key.FD != fd {
					t.Errorf("%d has the key of %d", fd, key.FD)
				}
				n++
			}
			if n > 7 {
				t.Errorf("%d keys", n)
			}
			wakeup(t, s)
			time.Sleep(time.Millisecond)
		})
		m.run(workers...)
	})
}
