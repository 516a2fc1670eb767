// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

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
		for _, call := range keyCalls {
			if err := call.do(s, &brokenConn{t: t}, EventRead); !errors.Is(err, ErrInvalidFileObj) {
				t.Errorf("%s of one that gives neither a RawConn nor an error: %v", call.name, err)
			}
		}
		if n, err := TryRead(&brokenConn{t: t}, make([]byte, 1)); n != 0 || !errors.Is(err, ErrInvalidFileObj) {
			t.Errorf("TryRead of one that gives neither a RawConn nor an error = %d, %v", n, err)
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

// dropped makes an object that nobody refers to once use has returned, and
// returns a function that tells whether it was collected.
func dropped(use func(*largeObject)) (collected func() bool) {
	gone := new(atomic.Bool)
	obj := new(largeObject)
	runtime.SetFinalizer(obj, func(*largeObject) { gone.Store(true) })
	use(obj)
	return func() bool {
		runtime.GC()
		return gone.Load()
	}
}

func TestTheKeyKeepsTheObjectAlive(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		fd := fdOf(t, writable(t))
		collected := dropped(func(obj *largeObject) {
			obj.fd = uintptr(fd)
			register(t, s, obj, EventRead, nil)
		})
		// Others, dropped later, are gone by then.
		for range 3 {
			eventually("an object that nobody keeps is collected", dropped(func(*largeObject) {}))
		}
		if collected() {
			t.Error("the object is gone while registered")
		}
		if _, err := s.Unregister(fd); err != nil {
			t.Fatal(err)
		}
		eventually("an object that was unregistered is collected", collected)
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

// wrapped is what a *tls.Conn is to a selector: it has no SyscallConn.
type wrapped struct{ conn net.Conn }

func (w wrapped) NetConn() net.Conn { return w.conn }

func TestARefusalNamesTheWayOut(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		a, b := tcpPair(t)
		key := register(t, s, b, EventRead, nil)
		for _, tt := range []struct {
			obj  any
			text string
		}{
			{wrapped{a}, "NetConn"},
			{struct{ net.Conn }{a}, "field Conn"},
			{&struct{ net.Conn }{a}, "field Conn"},
			{key, "FileObj"},
			{uint64(math.MaxUint64), "18446744073709551615"},
			{uint64(1 << 63), "9223372036854775808"},
		} {
			_, err := s.Register(tt.obj, EventRead, nil)
			_, rerr := TryRead(tt.obj, make([]byte, 1))
			_, werr := TryWrite(tt.obj, make([]byte, 1))
			for _, err := range []error{err, rerr, werr} {
				if !errors.Is(err, ErrInvalidFileObj) || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("%T is refused by %q, which doesn't name %s", tt.obj, err, tt.text)
				}
			}
		}
	})
}
