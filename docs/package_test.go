// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix || windows

package docs

import (
	"errors"
	"net"
	"testing"

	"github.com/go-selectors/selectors"
)

type callback func(fileobj any, mask selectors.EventMask)

// serve is the code that the package documentation begins with.
func serve(listener net.Listener, accept callback) error {
	sel, err := selectors.NewDefaultSelector()
	if err != nil {
		return err
	}
	defer sel.Close()
	if _, err := sel.Register(listener, selectors.EventRead, callback(accept)); err != nil {
		return err
	}
	for {
		ready, err := sel.Select(selectors.Forever)
		if err != nil {
			return err
		}
		for _, r := range ready {
			r.Key.Data.(callback)(r.Key.FileObj, r.Events)
		}
	}
}

func TestTheFirstCodeThatIsShown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted := errors.New("accepted")
	defer func() {
		if err := recover(); err != accepted {
			t.Error(err)
		}
	}()
	err = serve(listener, func(fileobj any, mask selectors.EventMask) {
		conn, err := selectors.TryAccept(fileobj.(net.Listener))
		if err != nil || mask != selectors.EventRead {
			t.Errorf("%v, %v", mask, err)
		} else {
			conn.Close()
		}
		panic(accepted)
	})
	t.Error(err)
}
