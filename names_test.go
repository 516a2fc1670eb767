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
	"reflect"
	"testing"
	"time"
)

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
	if EventRead != 1 || EventWrite != 2 || EventPriority != 4 || EventHangup != 8 || EventOnce != 16 {
		t.Errorf("EventRead, EventWrite, EventPriority, EventHangup, EventOnce = %d, %d, %d, %d, %d",
			EventRead, EventWrite, EventPriority, EventHangup, EventOnce)
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
		{EventOnce, "EventOnce"},
		{EventRead | EventOnce, "EventRead|EventOnce"},
		{0x80000010, "EventOnce|0x80000000"},
		{math.MaxUint32, "EventRead|EventWrite|EventPriority|EventHangup|EventOnce|0xffffffe0"},
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
