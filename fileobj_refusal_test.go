// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.
package selectors

import (
	"errors"
	"math"
	"net"
	"strings"
	"testing"
)

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
