// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build unix

package selectors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The descriptors that a selector opens are its own, but nothing keeps others
// from writing to them, or closing them.

func (k *waker) wakerOf() *waker { return k }

func TestWhatOthersWriteToTheWakerIsDrained(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		t.Parallel()
		own, ok := s.(interface{ wakerOf() *waker })
		if !ok {
			t.Skip("this selector is woken by an event of the kernel's")
		}
		write := func(n int) {
			for range n {
				if err := own.wakerOf().wake(); err != nil {
					t.Fatal(err)
				}
			}
		}
		b := observe(s)
		register(t, s, writable(t), EventRead, nil)
		write(1000)
		now(t, s)
		write(1000)
		idle(t, s)
		write(1000)
		blocked := startSelect(s, Forever)
		write(3)
		stillBlocked(t, blocked)
		wakeup(t, s)
		wants(t, end(t, blocked))
		idle(t, s)
		if n := b.turns.Load(); n > few {
			t.Errorf("%d turns of three waits", n)
		}
	})
}

func TestAWaitWhoseDescriptorsWereClosedByOthersFails(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := pipe(t)
			before := openDescriptors()
			s := open(t, tt)
			register(t, s, r.fd, EventRead, nil)
			// They are given back, so that Close doesn't close another's.
			kept := make(map[int]*ownFD)
			for _, fd := range openDescriptors() {
				if !slices.Contains(before, fd) {
					kept[fd] = dup(t, &ownFD{fd: fd}, 200)
				}
			}
			for fd := range kept {
				unix.Close(fd)
			}
			a := end(t, startSelect(s, Forever))
			var se *os.SyscallError
			if len(a.ready) != 0 || !errors.Is(a.err, unix.EBADF) || !errors.As(a.err, &se) {
				t.Errorf("Select = %v, %v, want an *os.SyscallError around EBADF", format(a.ready), a.err)
			}
			for fd, k := range kept {
				if err := unix.Dup2(k.fd, fd); err != nil {
					t.Error(err)
				}
				unix.CloseOnExec(fd)
			}
		})
	}
}

// ownDescriptors makes a selector open all that it ever opens, and calls after
// when it did something.
func ownDescriptors(tt selectorUnderTest, stale staleFD, after func(what string)) error {
	s, err := tt.open()
	if err != nil {
		return err
	}
	defer s.Close()
	after("the constructor")
	if _, err := s.Select(time.Millisecond); err != nil {
		return err
	}
	after("a wait with a timeout")
	if f, ok := s.(interface{ Fd() uintptr }); ok {
		f.Fd()
		after("Fd")
	}
	if _, err := s.Register(stale.r.fd, EventRead, nil); err != nil {
		return err
	}
	stale.r.close()
	if _, err := s.Unregister(stale.r.fd); err != nil {
		return err
	}
	if ready, err := s.Select(0); err != nil || len(ready) != 0 {
		return fmt.Errorf("Select = %v, %v", format(ready), err)
	}
	after("Select beside what is left of a closed descriptor")
	return nil
}

// A staleFD is the read end of a pipe that is ready and has a duplicate.
type staleFD struct{ r *ownFD }

func newStaleFD(t *testing.T) staleFD {
	t.Helper()
	r, w := pipe(t)
	fill(t, w)
	dup(t, r, 0)
	return staleFD{r}
}

// withoutStandardFiles runs f in a process without standard input, output and
// error.
func withoutStandardFiles(t *testing.T, f func() error) {
	t.Helper()
	// The runtime opens descriptors of its own for this.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var kept [3]int
	for fd := range kept {
		if kept[fd], err = unix.Dup(fd); err != nil {
			t.Fatal(err)
		}
	}
	for fd := range kept {
		unix.Close(fd)
	}
	err = f()
	for fd := range kept {
		unix.Close(fd)
	}
	for want, k := range kept { // the lowest free number is the next one
		if fd, e := unix.Dup(k); fd != want {
			err = errors.Join(err, fmt.Errorf("the duplicate of %d is %d, %v", k, fd, e))
		}
		unix.Close(k)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestNoDescriptorOfASelectorIsAStandardOne(t *testing.T) {
	if !inChild(t, nil) {
		return
	}
	for _, tt := range selectorsUnderTest {
		stale := newStaleFD(t)
		withoutStandardFiles(t, func() (err error) {
			e := ownDescriptors(tt, stale, func(what string) {
				for fd := range 3 {
					if _, e := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); e == nil && err == nil {
						err = fmt.Errorf("%s: %d is open after %s", tt.name, fd, what)
					}
				}
			})
			return errors.Join(err, e)
		})
	}
}

// The selector's own descriptors are numbers as any.
func TestRegisterOfASelectorsOwnDescriptorLeavesItsWaitsAsTheyWere(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			before := openDescriptors()
			s := open(t, tt)
			for _, fd := range openDescriptors() {
				if slices.Contains(before, fd) {
					continue
				}
				for _, early := range []bool{true, false} {
					var blocked <-chan answer
					if early {
						blocked = startSelect(s, Forever)
					}
					key, err := s.Register(fd, EventRead, nil)
					if (key == nil) != (err != nil) {
						t.Errorf("Register = %v, %v", key, err)
					}
					if !early {
						blocked = startSelect(s, Forever)
					}
					wakeup(t, s)
					if a := end(t, blocked); a.err != nil {
						t.Errorf("a wait ends with %v", a.err)
					}
					if key != nil {
						unregister(t, s, fd)
					}
					idle(t, s)
				}
			}
		})
	}
}

func TestWhatOthersWriteToTheWakerHoldsUpNoneOfTwoWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		own, ok := s.(interface{ wakerOf() *waker })
		if !ok {
			t.Skip("this selector is woken by an event of the kernel's")
		}
		r, w := pipe(t)
		key := register(t, s, r.fd, EventRead, nil)
		b := observe(s)
		for range 3 {
			blocked := startSelects(s, Forever, 2)
			for range 3 {
				if err := own.wakerOf().wake(); err != nil {
					t.Fatal(err)
				}
				stillBlocked(t, blocked)
			}
			fill(t, w)
			wants(t, end(t, blocked), Ready{key, EventRead})
			empty(t, r)
			if err := own.wakerOf().wake(); err != nil {
				t.Fatal(err)
			}
			wakeup(t, s)
			if a := end(t, blocked); a.err != nil {
				t.Errorf("the other wait ends with %v", a.err)
			}
			s.Select(0) // takes the Wakeup, if the other wait had ended by the event
			idle(t, s)
		}
		if n := b.turns.Load(); n > 3*few {
			t.Errorf("%d turns of six waits", n)
		}
	})
}

// withoutStandardFile runs f in a process without one of its standard files.
func withoutStandardFile(t *testing.T, fd int, f func()) {
	t.Helper()
	kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, 3)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	f()
	if err := unix.Dup2(kept, fd); err != nil {
		t.Error(err)
	}
	unix.Close(kept)
}

func TestNoDescriptorOfASelectorIsTheOnlyStandardOneThatIsMissing(t *testing.T) {
	if !inChild(t, nil) {
		return
	}
	for missing := range 3 {
		for _, tt := range selectorsUnderTest {
			stale := newStaleFD(t)
			var at []string
			var err error
			withoutStandardFile(t, missing, func() {
				err = ownDescriptors(tt, stale, func(what string) {
					if _, e := unix.FcntlInt(uintptr(missing), unix.F_GETFD, 0); e == nil {
						at = append(at, what)
					}
				})
			})
			if err != nil || at != nil {
				t.Errorf("%s: %d is open after %q; %v", tt.name, missing, at, err)
			}
		}
	}
}

// The lowest free number is none for a selector's own, and there may be no other.
func TestAConstructorWithNothingFreeButAStandardDescriptorFailsAndLeavesNoneBehind(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			if !inChild(t, nil) {
				return
			}
			r, _ := pipe(t)
			taken := takeAll(t, r)
			for _, missing := range [][]int{{0}, {1}, {2}, {0, 1}, {0, 2}, {0, 1, 2}} {
				// Others' numbers take the standard files meanwhile.
				kept := taken[len(taken)-len(missing):]
				for i, fd := range missing {
					if err := unix.Dup2(fd, kept[i].fd); err != nil {
						t.Fatal(err)
					}
				}
				for _, fd := range missing {
					unix.Close(fd)
				}
				var s Selector
				var errs []error
				var left [][]int
				for free := 0; free < 6; free++ {
					before := openDescriptors()
					var err error
					if s, err = tt.open(); err == nil {
						break
					}
					errs = append(errs, err)
					if after := openDescriptors(); !slices.Equal(before, after) {
						left = append(left, after)
					}
					taken[free].close()
				}
				if s != nil {
					s.Close()
				}
				for i, fd := range missing {
					if err := unix.Dup2(kept[i].fd, fd); err != nil {
						t.Fatal(err)
					}
				}
				for i := range len(errs) {
					taken[i] = dup(t, r, 0)
				}
				if len(errs) == 0 || s == nil || left != nil {
					t.Errorf("without %d: %d failures (%v), then %v; left open %v", missing, len(errs), errs, s, left)
				}
				for _, err := range errs {
					var se *os.SyscallError
					if !errors.As(err, &se) || !errors.Is(err, unix.EMFILE) {
						t.Errorf("without %d: %v", missing, err)
					}
				}
			}
		})
	}
}

// otherWakers runs tests with the wakers that other unixes have.
func otherWakers(t *testing.T, test func(t *testing.T)) {
	type opener = func(p []int, flags int) error
	event, pair := eventfd, pipe2
	defer func() { eventfd, pipe2 = event, pair }()
	eventfd = nil
	for _, p := range []struct {
		name string
		open opener
	}{{"pipe2", pair}, {"pipe", nil}} {
		pipe2 = p.open
		// It returns when the parallel tests inside have ended.
		t.Run(p.name, test)
	}
}

func TestWakersAsOtherUnixesHaveThem(t *testing.T) {
	otherWakers(t, func(t *testing.T) {
		t.Run("nobody blocked", TestWithNobodyBlockedTheNextWaitOfAnyKindTakesTheWakeup)
		t.Run("blocked", TestWakeupEndsABlockedWaitOfAnyKind)
		t.Run("several", TestWakeupEndsAtLeastOneOfSeveralBlockedWaits)
		t.Run("lost", TestNoWakeupIsLostBetweenAWaitsBeginningAndItsSleep)
		t.Run("others write", TestWhatOthersWriteToTheWakerIsDrained)
		t.Run("two waits", TestWhatOthersWriteToTheWakerHoldsUpNoneOfTwoWaits)
		t.Run("own", TestRegisterOfASelectorsOwnDescriptorLeavesItsWaitsAsTheyWere)
		t.Run("others close", TestAWaitWhoseDescriptorsWereClosedByOthersFails)
		t.Run("exec", TestEveryDescriptorThatASelectorOpensIsCloseOnExec)
		t.Run("close", TestDescriptorsAreBackToTheirNumberAfterClose)
		t.Run("EMFILE", TestAConstructorOutOfDescriptorsFailsAndLeavesNoneBehind)
		t.Run("standard", TestNoDescriptorOfASelectorIsAStandardOne)
		t.Run("one standard", TestNoDescriptorOfASelectorIsTheOnlyStandardOneThatIsMissing)
		t.Run("only standard", TestAConstructorWithNothingFreeButAStandardDescriptorFailsAndLeavesNoneBehind)
		t.Run("select", TestNewSelectSelectorWithAllLowDescriptorsTakenIsEINVAL)
		t.Run("full", TestAWakerThatIsFullWakes)
	})
}

// More wake-ups than the waker has room for are as good as one.
func TestAWakerThatIsFullWakes(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		own, ok := s.(interface{ wakerOf() *waker })
		if !ok {
			t.Skip("this selector is woken by an event of the kernel's")
		}
		k := own.wakerOf()
		b := observe(s)
		blocked := startSelect(s, Forever)
		core := coreOf(s)
		core.mu.Lock() // nobody drains it
		within(t, "a write to a full waker", func() {
			if k.r == k.w {
				unix.Write(k.w, binary.NativeEndian.AppendUint64(nil, math.MaxUint64-1)) // its largest count
			}
			for range 1 << 14 {
				if err := k.wake(); err != nil {
					t.Error(err)
					return
				}
			}
		})
		core.mu.Unlock()
		stillBlocked(t, blocked)
		wakeup(t, s)
		wants(t, end(t, blocked))
		idle(t, s)
		if n := b.turns.Load(); n > few {
			t.Errorf("%d turns of two waits", n)
		}
	})
}

// Systems whose older kernels don't know POLLRDHUP ask for it once.
func TestAskingForRDHUPAnswersAndLeavesNoDescriptorBehind(t *testing.T) {
	r, _ := pipe(t)
	before := openDescriptors()
	answer := askRDHUP()
	if answer == 0 || answer > 0 != tellsHangup() {
		t.Errorf("it says %d, and tellsHangup says %v", answer, tellsHangup())
	}
	if after := openDescriptors(); !slices.Equal(before, after) {
		t.Errorf("open descriptors: %v, before %v", after, before)
	}
	for free, d := range takeAll(t, r) {
		before := openDescriptors()
		answer := askRDHUP()
		if after := openDescriptors(); !slices.Equal(before, after) {
			t.Errorf("open descriptors: %v, before %v", after, before)
		}
		if answer != 0 {
			if free != 2 {
				t.Errorf("it says %d with %d free descriptors", answer, free)
			}
			break
		}
		d.close()
	}
}

func TestEveryDescriptorThatASelectorOpensIsCloseOnExec(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			r, w := pipe(t)
			fill(t, w)
			before := openDescriptors()
			s := open(t, tt)
			check := func() {
				t.Helper()
				opened := 0
				for _, fd := range openDescriptors() {
					if slices.Contains(before, fd) {
						continue
					}
					opened++
					flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
					if err != nil {
						t.Fatal(err)
					}
					if flags&unix.FD_CLOEXEC == 0 {
						t.Errorf("%d is not close-on-exec", fd)
					}
				}
				if opened == 0 {
					t.Error("none was opened")
				}
			}
			check()
			key := register(t, s, r.fd, EventRead, nil)
			now(t, s, Ready{key, EventRead})
			wakeup(t, s)
			s.Select(Forever)
			check()
			// A duplicate stays, so that epoll needs another set.
			d := dup(t, r, 0)
			before = append(before, d.fd)
			r.close()
			unregister(t, s, r.fd)
			now(t, s)
			check()
		})
	}
}

func TestDescriptorsAreBackToTheirNumberAfterClose(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := pipe(t)
			before := openDescriptors()
			for _, waits := range []int{0, 1, 3} {
				s, err := tt.open()
				if err != nil {
					t.Fatal(err)
				}
				register(t, s, r.fd, EventRead, nil)
				c := startSelects(s, Forever, waits)
				s.Close()
				for range waits {
					if a := end(t, c); !errors.Is(a.err, ErrClosed) {
						t.Errorf("Select = %v", a.err)
					}
				}
				if after := openDescriptors(); !slices.Equal(before, after) {
					t.Errorf("open descriptors: %v, before %v", after, before)
				}
			}
		})
	}
}

func TestAConstructorOutOfDescriptorsFailsAndLeavesNoneBehind(t *testing.T) {
	constructors := append(slices.Clone(selectorsUnderTest), selectorUnderTest{"NewDefaultSelector", NewDefaultSelector})
	for _, tt := range constructors {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := pipe(t)
			taken := takeAll(t, r)
			for free := 0; ; free++ {
				before := openDescriptors()
				s, err := tt.open()
				if err == nil {
					s.Close()
					if free == 0 {
						t.Error("it needs no descriptor")
					}
					return
				}
				var se *os.SyscallError
				if s != nil || !errors.As(err, &se) || !errors.Is(err, unix.EMFILE) {
					t.Errorf("with %d free descriptors: %v, %v", free, s, err)
				}
				if after := openDescriptors(); !slices.Equal(before, after) {
					t.Errorf("with %d free descriptors: open are %v, before %v", free, after, before)
				}
				if free == 10 {
					t.Fatal("it fails though there are 10 descriptors")
				}
				taken[free].close()
			}
		})
	}
}

func TestASelectorWithFdCanBeRegisteredInAnother(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			inner := open(t, tt)
			if !nests(inner) {
				t.Skip("it has no descriptor that can be polled")
			}
			each(t, func(t *testing.T, outer Selector) {
				r, w := pipe(t)
				key := register(t, inner, r.fd, EventRead, nil)
				defer inner.Unregister(r.fd)
				outerKey := register(t, outer, inner, EventRead, nil)
				now(t, outer)
				blocked := startSelect(outer, Forever)
				fill(t, w)
				wants(t, end(t, blocked), Ready{outerKey, EventRead})
				now(t, inner, Ready{key, EventRead})
				unregister(t, outer, inner)
			})
			if key, err := inner.Register(inner, EventRead, nil); key != nil || err == nil {
				t.Errorf("Register in itself = %v, %v", key, err)
			}
			if inner.GetMap().Len() != 0 {
				t.Error("there is a key")
			}
		})
	}
}

// openAndDrop opens a selector that nobody closes, and returns its descriptors.
func openAndDrop(t *testing.T, tt selectorUnderTest) (fds []int) {
	before := openDescriptors()
	s, err := tt.open()
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := s.(interface{ Fd() uintptr }); ok {
		f.Fd()
	}
	s.Select(1)
	for _, fd := range openDescriptors() {
		if !slices.Contains(before, fd) {
			fds = append(fds, fd)
		}
	}
	return fds
}

func TestADroppedSelectorGivesItsDescriptorsBack(t *testing.T) {
	for _, tt := range selectorsUnderTest {
		t.Run(tt.name, func(t *testing.T) {
			fds := openAndDrop(t, tt)
			if len(fds) == 0 {
				t.Fatal("it has none")
			}
			eventually("its descriptors are closed", func() bool {
				runtime.GC()
				return !slices.ContainsFunc(fds, isOpen)
			})

			// One that was closed doesn't close them again.
			r, _ := pipe(t)
			s, err := tt.open()
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			s = nil
			var others []*ownFD
			for range 10 {
				others = append(others, dup(t, r, 0))
			}
			for range 5 {
				runtime.GC()
				runtime.Gosched()
			}
			later := openAndDrop(t, tt) // what was to be collected before is collected with it
			eventually("the descriptors of a later one are closed", func() bool {
				runtime.GC()
				return !slices.ContainsFunc(later, isOpen)
			})
			for _, d := range others {
				if !isOpen(d.fd) {
					t.Errorf("%d was closed", d.fd)
				}
			}
		})
	}
}
