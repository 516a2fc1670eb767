// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"fmt"
	"math"
	"net"
	"os"
	"reflect"
	"syscall"
)

// identify returns the descriptor of a file object, or why it can't be had, and
// whether the object can be found by its identity instead. A key has that of its
// registration.
func identify(fileobj any) (fd int, named bool, err error) {
	if isKey(fileobj) {
		return fileobj.(*SelectorKey).FD, false, nil
	}
	fd, isNumber, raw, err := resolve(fileobj)
	if isNumber {
		return fd, false, err
	}
	if raw != nil && err == nil {
		n := ^uintptr(0)
		if err = raw.Control(func(fd uintptr) { n = fd }); err != nil {
			err = unavailable(raw, err)
		} else {
			fd, err = unsigned(uint64(n))
		}
	}
	return fd, isComparable(fileobj), err
}

// resolve returns the descriptor of a file object, or whom to ask for it. Its errors
// wrap ErrInvalidFileObj. It doesn't use the Fd method that a syscall.Conn may have as
// well: [os.File.Fd] puts the file into blocking mode.
func resolve(fileobj any) (fd int, isNumber bool, raw syscall.RawConn, err error) {
	if n, ok := fileobj.(int); ok {
		fd, err = number(int64(n))
		return fd, true, nil, err
	}
	v := reflect.ValueOf(fileobj)
	switch {
	case v.CanInt():
		fd, err = number(v.Int())
		return fd, true, nil, err
	case v.CanUint():
		fd, err = unsigned(v.Uint())
		return fd, true, nil, err
	case !v.IsValid():
		return 0, false, nil, fmt.Errorf("%w: nil", ErrInvalidFileObj)
	case v.Kind() == reflect.Pointer && v.IsNil():
		return 0, false, nil, fmt.Errorf("%w: nil pointer", ErrInvalidFileObj)
	}
	switch f := fileobj.(type) {
	case syscall.Conn:
		if raw, err = f.SyscallConn(); err != nil {
			err = unavailable(nil, err)
		} else if raw == nil {
			err = fmt.Errorf("%w: its SyscallConn gives nothing", ErrInvalidFileObj)
		}
	case interface{ Fd() uintptr }:
		fd, err = unsigned(uint64(f.Fd()))
	case *SelectorKey:
		err = errKey
	case interface{ NetConn() net.Conn }:
		err = fmt.Errorf("%w: no SyscallConn method; register what its NetConn method returns", ErrInvalidFileObj)
	default:
		err = fmt.Errorf("%w: no integer, no SyscallConn and no Fd method%s", ErrInvalidFileObj, embedded(v))
	}
	return fd, false, raw, err
}

// embedded names a field that would do: an interface such as net.Conn has no
// SyscallConn method that whoever embeds it could inherit.
func embedded(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return ""
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.Anonymous || field.Type.Kind() != reflect.Interface || v.Field(i).IsNil() {
			continue
		}
		if v.Field(i).Elem().Type().Implements(reflect.TypeFor[syscall.Conn]()) {
			return fmt.Sprintf("; its field %s has one", field.Name)
		}
	}
	return ""
}

// fileRawConn is the type of what [os.File.SyscallConn] returns.
var fileRawConn = func() reflect.Type {
	raw, _ := new(os.File).SyscallConn()
	return reflect.TypeOf(raw)
}()

// unavailable returns the error of a file object that gives no descriptor, most
// often because it was closed. Package os has another error for that in here
// than its own.
func unavailable(raw syscall.RawConn, err error) error {
	if raw != nil && reflect.TypeOf(raw) == fileRawConn {
		return fmt.Errorf("%w: %w (%w)", ErrInvalidFileObj, os.ErrClosed, err)
	}
	return fmt.Errorf("%w: %w", ErrInvalidFileObj, err)
}

// number returns n as a descriptor.
func number(n int64) (int, error) {
	if !validNumber(n) {
		return 0, fmt.Errorf("%w: %d can't be a descriptor", ErrInvalidFileObj, n)
	}
	return int(n), nil
}

// unsigned does the same for what may be too large to have a sign.
func unsigned(n uint64) (int, error) {
	if n > math.MaxInt64 {
		return 0, fmt.Errorf("%w: %d can't be a descriptor", ErrInvalidFileObj, n)
	}
	return number(int64(n))
}

// isComparable reports whether a file object can be the key of a map. The map
// is asked: it can't hash all that package reflect calls comparable, such as an
// array of no functions. And nobody finds again what isn't equal to itself, such
// as a NaN.
func isComparable(fileobj any) (ok bool) {
	if reflect.ValueOf(fileobj).Kind() == reflect.Pointer {
		return true
	}
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	seen := map[any]bool{fileobj: true}
	return seen[fileobj]
}

// isKey reports whether a file object is a key, which stands for its registration
// alone.
func isKey(fileobj any) bool {
	key, ok := fileobj.(*SelectorKey)
	return ok && key != nil
}

var errKey = fmt.Errorf("%w: a *SelectorKey stands for its own registration alone; give its FileObj", ErrInvalidFileObj)
