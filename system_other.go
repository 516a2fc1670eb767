// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build !unix && !windows

package selectors

import (
	"errors"
	"net"
	"time"
)

// plan9, js and wasip1 have no selectors.

var constructors []func() (Selector, error)

const (
	hasSelectors = false
	endsEarly    = false
	slotShift    = 0
)

var began = time.Now()

func monotonic() time.Duration { return time.Since(began) }

func validNumber(n int64) bool { return 0 <= n && n == int64(int(n)) }

var errWouldBlock error

func tryRead(int, []byte, bool) (int, error)   { return 0, errors.ErrUnsupported }
func tryWrite(int, []byte, bool) (int, error)  { return 0, errors.ErrUnsupported }
func tryAccept(net.Listener) (net.Conn, error) { return nil, errors.ErrUnsupported }
