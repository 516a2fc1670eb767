// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Watch tells what changes in a directory once it has been quiet for a moment,
// when the system runs short of something, and how many changes there were
// when it gets SIGUSR1: inotify, a timerfd, a pressure-stall trigger and
// signals in one loop. It doesn't look into subdirectories.
//
//	go run ./examples/watch -pressure cpu /tmp
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors"
)

type watcher struct {
	dir            string
	inotify, timer int
	quiet          time.Duration
	changed        map[string]bool // since the last report
	changes        int             // in all
}

// readChanges notes the names and sets the timer. It is set anew by every
// change, so it rings when there was none for a while.
func (w *watcher) readChanges() error {
	buf, gone := make([]byte, 64<<10), false
	n, err := unix.Read(w.inotify, buf)
	if err == unix.EAGAIN || err == unix.EINTR {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("read", err)
	}
	for events := buf[:n]; len(events) > 0; {
		mask := binary.NativeEndian.Uint32(events[4:])
		end := unix.SizeofInotifyEvent + binary.NativeEndian.Uint32(events[12:])
		name := string(bytes.TrimRight(events[unix.SizeofInotifyEvent:end], "\x00"))
		events = events[end:]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			name = "(too many to tell)"
		}
		gone = gone || mask&unix.IN_IGNORED != 0
		if name != "" {
			w.changed[name] = true
			w.changes++
		}
	}
	if gone {
		w.tell()
		return fmt.Errorf("%s was removed", w.dir)
	}
	if len(w.changed) == 0 {
		return nil
	}
	value := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(w.quiet))}
	return os.NewSyscallError("timerfd_settime", unix.TimerfdSettime(w.timer, 0, &value, nil))
}

func (w *watcher) report() error {
	var expirations [8]byte
	if _, err := unix.Read(w.timer, expirations[:]); err != nil {
		return nil // set anew by a change that came in the same list
	}
	w.tell()
	return nil
}

func (w *watcher) tell() {
	if len(w.changed) > 0 {
		fmt.Println("changed:", strings.Join(slices.Sorted(maps.Keys(w.changed)), " "))
	}
	clear(w.changed)
}

// openTrigger asks to be told when something waited for a resource for 100 ms
// of 2 s, the window that needs no privilege. The file is not opened by
// os.Open: the runtime would poll it too, and take its events away.
func openTrigger(resource string) (int, error) {
	path := "/proc/pressure/" + resource
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	if _, err := unix.Write(fd, []byte("some 100000 2000000\x00")); err != nil {
		unix.Close(fd)
		return -1, &os.PathError{Op: "write", Path: path, Err: err}
	}
	return fd, nil
}

func run(sel selectors.Selector, dir, resource string, quiet time.Duration, signals <-chan os.Signal) error {
	w := &watcher{dir: dir, quiet: quiet, changed: make(map[string]bool)}
	var err error
	if w.inotify, err = unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC); err != nil {
		return os.NewSyscallError("inotify_init1", err)
	}
	defer unix.Close(w.inotify)
	const events = unix.IN_ONLYDIR | unix.IN_CREATE | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_MOVE | unix.IN_DELETE
	if _, err := unix.InotifyAddWatch(w.inotify, dir, events); err != nil {
		return &os.PathError{Op: "inotify_add_watch", Path: dir, Err: err}
	}
	if w.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	defer unix.Close(w.timer)

	if _, err := sel.Register(w.inotify, selectors.EventRead, w.readChanges); err != nil {
		return err
	}
	if _, err := sel.Register(w.timer, selectors.EventRead, w.report); err != nil {
		return err
	}
	trigger, err := openTrigger(resource)
	if err != nil {
		fmt.Println("no word about pressure:", err)
	} else {
		defer unix.Close(trigger)
		pressure := func() error { // there is nothing to read
			fmt.Println("pressure:", resource)
			return nil
		}
		if _, err := sel.Register(trigger, selectors.EventPriority, pressure); err != nil {
			return err
		}
	}
	fmt.Printf("watching %s, without its subdirectories\n", dir)

	for {
		ready, err := sel.Select(selectors.Forever)
		if err != nil {
			return err
		}
		for _, r := range ready {
			if err := r.Key.Data.(func() error)(); err != nil {
				return err
			}
		}
		select {
		case s := <-signals:
			if s == os.Interrupt {
				fmt.Println()
				return nil
			}
			fmt.Println("changes:", w.changes)
		default:
		}
	}
}

func main() {
	resource := flag.String("pressure", "memory", "the pressure to tell of: cpu, io or memory")
	quiet := flag.Duration("quiet", 200*time.Millisecond, "how long to wait for more changes")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Watch tells what changes in a directory: watch [flags] [directory, the current one if there is none]\n"+
			"It doesn't look into subdirectories. SIGUSR1 makes it tell how many changes there were.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 1 {
		flag.Usage()
		os.Exit(2)
	}
	dir := "."
	if flag.NArg() > 0 {
		dir = flag.Arg(0)
	}
	if *quiet <= 0 {
		refuse("-quiet %v: not a time to wait", *quiet)
	}
	if !slices.Contains([]string{"cpu", "io", "memory"}, *resource) {
		refuse("-pressure %s: want cpu, io or memory", *resource)
	}
	if info, err := os.Stat(dir); err != nil {
		refuse("%v", err)
	} else if !info.IsDir() {
		refuse("%s is not a directory", dir)
	}
	sel, err := selectors.NewDefaultSelector()
	if err != nil {
		log.Fatal(err)
	}
	defer sel.Close()

	// A signalfd is of no use in Go, where no signal can be blocked in all
	// threads.
	caught, signals := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt, unix.SIGUSR1)
	go func() {
		for s := range caught {
			signals <- s
			sel.Wakeup()
		}
	}()
	if err := run(sel, dir, *resource, *quiet, signals); err != nil {
		log.Fatal(err)
	}
}

// refuse says why an argument is none, in one line.
func refuse(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "watch: "+format+"\n", args...)
	os.Exit(2)
}
