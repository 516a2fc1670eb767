// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAPacketModePtyHasAnExceptionalCondition(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		master := openFile(t, "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY)
		if err := unix.IoctlSetPointerInt(master.fd, unix.TIOCSPTLCK, 0); err != nil {
			t.Fatal(err)
		}
		n, err := unix.IoctlGetUint32(master.fd, unix.TIOCGPTN)
		if err != nil {
			t.Fatal(err)
		}
		slave := openFile(t, "/dev/pts/"+strconv.Itoa(int(n)), unix.O_RDWR|unix.O_NOCTTY)
		if err := unix.IoctlSetPointerInt(master.fd, unix.TIOCPKT, 1); err != nil {
			t.Fatal(err)
		}
		key := register(t, s, master.fd, EventPriority, nil)
		now(t, s)
		fill(t, slave)
		idle(t, s) // ordinary data
		blocked := startSelect(s, Forever)
		if err := unix.IoctlSetInt(slave.fd, unix.TCFLSH, unix.TCIFLUSH); err != nil {
			t.Fatal(err)
		}
		wants(t, end(t, blocked), Ready{key, EventPriority})
		now(t, s, Ready{key, EventPriority})
		key = modify(t, s, master.fd, EventRead|EventPriority, nil)
		now(t, s, Ready{key, EventRead | EventPriority})
	})
}

// press makes two threads want one CPU, a few milliseconds of every 20 more, until
// stop is called.
func press(t *testing.T) (stop func()) {
	var cpu unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpu); err != nil {
		t.Fatal(err)
	}
	first := 0
	for !cpu.IsSet(first) {
		first++
	}
	cpu.Zero()
	cpu.Set(first)
	// Both are to run at once, which takes a P for each, and one for the rest.
	procs := runtime.GOMAXPROCS(runtime.NumCPU() + 2)
	over := make(chan struct{})
	var wg sync.WaitGroup
	turns := [2]chan time.Time{make(chan time.Time), make(chan time.Time)}
	for _, turn := range turns {
		spawn(&wg, func() {
			runtime.LockOSThread() // it ends with the goroutine
			if err := unix.SchedSetaffinity(0, &cpu); err != nil {
				t.Error(err)
			}
			for end := range turn {
				for time.Now().Before(end) {
				}
			}
		})
	}
	spawn(&wg, func() {
		defer close(turns[0])
		defer close(turns[1])
		for {
			end := time.Now().Add(4 * time.Millisecond)
			turns[0] <- end
			turns[1] <- end
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() {
		close(over)
		wg.Wait()
		runtime.GOMAXPROCS(procs)
	}
}

func TestAPressureStallTriggerArrives(t *testing.T) {
	t.Parallel()
	const path = "/proc/pressure/cpu"
	if fd, err := unix.Open(path, unix.O_RDWR, 0); err != nil {
		t.Skipf("the system has no pressure-stall triggers: %s: %v", path, err)
	} else {
		unix.Close(fd)
	}

	defer press(t)()

	type wait struct {
		name string
		key  *SelectorKey
		c    <-chan answer
	}
	var waits []wait
	for _, tt := range linuxSelectors {
		for _, before := range []bool{true, false} {
			s := open(t, tt)
			var c <-chan answer
			if before {
				c = startSelect(s, Forever)
			}
			d := openFile(t, path, unix.O_RDWR|unix.O_NONBLOCK)
			_, err := unix.Write(d.fd, []byte("some 1000 500000\x00"))
			if err != nil { // two seconds are what all may ask for
				_, err = unix.Write(d.fd, []byte("some 1000 2000000\x00"))
			}
			if err != nil {
				t.Skipf("the system takes no trigger: %v", err)
			}
			key := register(t, s, d.fd, EventPriority, nil)
			if !before {
				c = startSelect(s, Forever)
			}
			waits = append(waits, wait{fmt.Sprintf("%s, the wait begun before: %v", tt.name, before), key, c})
		}
	}
	for _, w := range waits {
		within(t, w.name, func() { wants(t, <-w.c, Ready{w.key, EventPriority}) })
	}
}

func TestAChangeOfProcSelfMountsArrives(t *testing.T) {
	t.Parallel()
	change, child := ownMounts(t)
	if !child {
		return
	}
	eachOf(t, linuxSelectors, func(t *testing.T, s Selector) {
		d := openFile(t, "/proc/self/mounts", unix.O_RDONLY)
		key := register(t, s, d.fd, EventPriority, nil)
		now(t, s)
		for range 5 {
			// The wait begun after the registration, before the change or
			// after it.
			blocked := startSelect(s, Forever)
			change()
			wants(t, end(t, blocked), Ready{key, EventPriority})
			now(t, s) // once for each event
			change()
			wants(t, end(t, startSelect(s, Forever)), Ready{key, EventPriority})
			idle(t, s)

			// The wait begun before the registration.
			unregister(t, s, d.fd)
			blocked = startSelect(s, Forever)
			key = register(t, s, d.fd, EventPriority, nil)
			stillBlocked(t, blocked)
			change()
			wants(t, end(t, blocked), Ready{key, EventPriority})

			// Other registrations come and go meanwhile.
			blocked = startSelect(s, Forever)
			r, _ := pipe(t)
			register(t, s, r.fd, EventRead, nil)
			change()
			wants(t, end(t, blocked), Ready{key, EventPriority})
			unregister(t, s, r.fd)
			idle(t, s)
		}
	})
}
