// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"fmt"
	"net"
	"testing"
)

// A private is somebody's object: to print a key must call none of its methods.
type private struct{ fd uintptr }

func (private) Fd() uintptr                  { panic("Fd is called") }
func (private) String() string               { panic("String is called") }
func (private) GoString() string             { panic("GoString is called") }
func (private) Error() string                { panic("Error is called") }
func (private) Format(fmt.State, rune)       { panic("Format is called") }
func (private) MarshalText() ([]byte, error) { panic("MarshalText is called") }

func TestAKeyAndAReadyAreOneLineForAPerson(t *testing.T) {
	for _, tt := range []struct {
		value fmt.Stringer
		want  string
	}{
		{&SelectorKey{FileObj: 7, FD: 7, Events: EventRead}, "fd 7 (int): EventRead"},
		{&SelectorKey{FileObj: (*net.TCPConn)(nil), FD: 7, Events: EventRead}, "fd 7 (*net.TCPConn): EventRead"},
		{&SelectorKey{FileObj: 7, FD: 7, Events: EventRead | EventWrite, Data: "secret"}, "fd 7 (int): EventRead|EventWrite, data string"},
		{&SelectorKey{FileObj: 7, FD: 7, Events: EventRead, Data: func(any) {}}, "fd 7 (int): EventRead, data func(interface {})"},
		{&SelectorKey{FileObj: private{3}, FD: 3, Events: EventHangup, Data: &private{4}}, "fd 3 (selectors.private): EventHangup, data *selectors.private"},
		{&SelectorKey{}, "fd 0 (<nil>): 0"},
		{(*SelectorKey)(nil), "<nil>"},
		{Ready{Key: &SelectorKey{FileObj: 7, FD: 7, Events: EventRead | EventWrite, Data: "secret"}, Events: EventWrite}, "fd 7 (int): EventWrite, data string"},
		{Ready{Key: &SelectorKey{FileObj: private{3}, FD: 3, Events: EventRead}, Events: EventRead}, "fd 3 (selectors.private): EventRead"},
		{Ready{Events: EventRead}, "<nil>: EventRead"},
		{Ready{}, "<nil>: 0"},
	} {
		if got := tt.value.String(); got != tt.want {
			t.Errorf("String() = %q, want %q", got, tt.want)
		}
		for _, verb := range []string{"%v", "%+v", "%s"} {
			if got := fmt.Sprintf(verb, tt.value); got != tt.want {
				t.Errorf("%s prints %q, want %q", verb, got, tt.want)
			}
		}
	}
}

func TestWhatSelectReturnsCanBePrinted(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		key := register(t, s, c, EventRead|EventWrite, t)
		ready := end(t, startSelect(s, Forever)).ready
		want := fmt.Sprintf("[fd %d (*net.TCPConn): EventWrite, data *testing.T]", key.FD)
		if got := fmt.Sprint(ready); got != want {
			t.Errorf("what is ready prints as %s, want %s", got, want)
		}
	})
}
