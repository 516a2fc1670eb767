// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build !unix && !windows

package selectors

import (
	"errors"
	"net"
)

// plan9, js and wasip1 have no selectors.

const hasSelectors = false

var errWouldBlock error

func tryRead(int, []byte, bool) (int, error)   { return 0, errors.ErrUnsupported }
func tryWrite(int, []byte, bool) (int, error)  { return 0, errors.ErrUnsupported }
func tryAccept(net.Listener) (net.Conn, error) { return nil, errors.ErrUnsupported }
