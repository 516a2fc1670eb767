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
	"syscall"
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
				for _, events := range []EventMask{EventRead, 0, EventOnce, 32} {
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
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				waits := []func() ([]Ready, error){
					func() ([]Ready, error) { return s.SelectContext(ctx) },
				}
				for _, kind := range waitKinds {
					if strings.Contains(kind.name, "0") || strings.Contains(kind.name, "-1") {
						continue
					}
					waits = append(waits, func() ([]Ready, error) { return kind.wait(s) })
				}
				c := start(s, waits...)
				within(t, "Close", func() {
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				if m.Len() != 0 || s.GetMap() != nil {
					t.Error("there are keys after Close")
				}
				for range waits {
					if a := end(t, c); len(a.ready) != 0 || !errors.Is(a.err, ErrClosed) || !errors.Is(a.err, os.ErrClosed) {
						t.Errorf("a wait ended with %v, %v", format(a.ready), a.err)
					}
				}
			}
		})
	}
}

func TestCloseRacingWithEverythingElseHangsNothing(t *testing.T) {
	budget := time.Duration(rounds(20, 100, 1000)) * time.Millisecond
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			a, b := writable(t), writable(t)
			begin := time.Now()
			for i := 0; i == 0 || time.Since(begin) < budget; i++ {
				s, err := tt.open()
				if err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				run := func(f func() error) {
					spawn(&wg, func() {
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
					time.Sleep(time.Duration(i%100) * 10 * time.Microsecond)
				}
				for range 2 {
					spawn(&wg, func() {
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
					start(s, func() ([]Ready, error) { return s.SelectContext(ctx) }),
				}
				s.Close()
				for _, c := range blocked {
					end(t, c)
				}
			}
			eventually(fmt.Sprintf("%d goroutines, as before", before), func() bool {
				return runtime.NumGoroutine() <= before
			})
		})
	}
}

func TestACloseThatTheSystemRefusedToTellOfCanBeRepeated(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := coreOf(s)
		b := &refusing{backend: c.backend}
		c.backend = b
		blocked := startSelect(s, Forever)
		stillBlocked(t, blocked)
		b.refuses.Store(true)
		if err := s.Close(); err != errRefused {
			t.Errorf("Close = %v, want %v", err, errRefused)
		}
		b.refuses.Store(false)
		if err := s.Close(); err != nil {
			t.Errorf("the second Close = %v", err)
		}
		if a := end(t, blocked); !errors.Is(a.err, ErrClosed) {
			t.Errorf("the wait ends with %v", a.err)
		}
	})
}

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
