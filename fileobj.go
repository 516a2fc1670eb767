// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"fmt"
	"reflect"
	"syscall"
)

// descriptor returns the descriptor of a file object, and whether the object
// is a number. The error wraps ErrInvalidFileObj.
func descriptor(fileobj any) (fd int, isNumber bool, err error) {
	if n, ok := fileobj.(int); ok {
		fd, err = number(int64(n))
		return fd, true, err
	}
	v := reflect.ValueOf(fileobj)
	switch {
	case v.CanInt():
		fd, err = number(v.Int())
		return fd, true, err
	case v.CanUint():
		fd, err = number(int64(v.Uint()))
		return fd, true, err
	case !v.IsValid():
		return 0, false, fmt.Errorf("%w: nil", ErrInvalidFileObj)
	case v.Kind() == reflect.Pointer && v.IsNil():
		return 0, false, fmt.Errorf("%w: nil pointer", ErrInvalidFileObj)
	}
	switch f := fileobj.(type) {
	case syscall.Conn:
		fd, err = connDescriptor(f)
	case interface{ Fd() uintptr }:
		fd, err = number(int64(f.Fd()))
	default:
		err = fmt.Errorf("%w: no integer, no SyscallConn and no Fd method", ErrInvalidFileObj)
	}
	return fd, false, err
}

// connDescriptor doesn't use the Fd method that a syscall.Conn may have as
// well: [os.File.Fd] puts the file into blocking mode.
func connDescriptor(c syscall.Conn) (int, error) {
	raw, err := c.SyscallConn()
	n := int64(-1)
	if err == nil {
		err = raw.Control(func(fd uintptr) { n = int64(fd) })
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInvalidFileObj, err)
	}
	return number(n)
}

// number returns n as a descriptor.
func number(n int64) (int, error) {
	if !validNumber(n) {
		return 0, fmt.Errorf("%w: %d can't be a descriptor", ErrInvalidFileObj, n)
	}
	return int(n), nil
}

// identify returns the descriptor of a file object, or why it can't be had, and
// whether the object can be found by its identity instead.
func identify(fileobj any) (fd int, named bool, err error) {
	fd, isNumber, err := descriptor(fileobj)
	return fd, !isNumber && isComparable(fileobj), err
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
