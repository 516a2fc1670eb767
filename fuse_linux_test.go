// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A fuseServer is a file system of one file, served by this process, that takes
// its time to say whether the file is ready. The structures are those of
// linux/fuse.h.
type fuseServer struct {
	device int
	delay  time.Duration
	ready  atomic.Bool
	polls  atomic.Int64

	mu   sync.Mutex
	wake uint64 // the kernel's handle of who waits, 0 if nobody does
}

type fuseIn struct {
	Len, Opcode              uint32
	Unique, Node             uint64
	Uid, Gid, Pid, Extension uint32
}

type fuseOut struct {
	Len    uint32
	Error  int32
	Unique uint64
}

type fuseAttr struct {
	Ino, Size, Blocks, Atime, Mtime, Ctime                              uint64
	AtimeNsec, MtimeNsec, CtimeNsec, Mode, Nlink, Uid, Gid, Rdev, Size2 uint32
	Flags                                                               uint32
}

const (
	fuseLookup, fuseForget, fuseGetattr, fuseOpen       = 1, 2, 3, 14
	fuseRelease, fuseFlush, fuseInit, fusePoll, fuseEnd = 18, 25, 26, 40, 38
	fuseNotifyPoll                                      = 1
	fuseScheduleNotify                                  = 1

	fuseFile = 2 // the node of the file; 1 is the root
)

// fuseMount serves the file system and returns the path of its file.
func fuseMount(dir string, delay time.Duration) (*fuseServer, string, error) {
	device, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, "", fmt.Errorf("/dev/fuse: %w", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", device, os.Getuid(), os.Getgid())
	if err := unix.Mount("selectors", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return nil, "", fmt.Errorf("mount: %w", err)
	}
	f := &fuseServer{device: device, delay: delay}
	go f.serve()
	return f, filepath.Join(dir, "file"), nil
}

func (f *fuseServer) serve() {
	buf := make([]byte, 1<<17)
	for {
		n, err := unix.Read(f.device, buf)
		if err == unix.EINTR || err == unix.ENOENT {
			continue
		}
		if err != nil {
			return
		}
		var in fuseIn
		rest := bytes.NewReader(bytes.Clone(buf[:n]))
		binary.Read(rest, binary.NativeEndian, &in)
		// Each has a goroutine: a poll may not hold up the others.
		go f.answer(in, rest)
	}
}

func (f *fuseServer) answer(in fuseIn, rest *bytes.Reader) {
	attr := fuseAttr{Ino: in.Node, Mode: unix.S_IFDIR | 0o755, Nlink: 1}
	if in.Opcode == fuseLookup || in.Node == fuseFile {
		attr.Ino, attr.Mode = fuseFile, unix.S_IFREG|0o644
	}
	switch in.Opcode {
	case fuseInit:
		var version struct{ Major, Minor, Readahead, Flags uint32 }
		binary.Read(rest, binary.NativeEndian, &version)
		f.reply(in, 0, struct {
			Major, Minor, Readahead, Flags uint32
			Background, Congestion         uint16
			MaxWrite, Granularity          uint32
			MaxPages, Align                uint16
			Unused                         [8]uint32
		}{Major: 7, Minor: min(version.Minor, 31), Readahead: version.Readahead, Background: 16, Congestion: 12, MaxWrite: 4096, Granularity: 1})
	case fuseLookup:
		f.reply(in, 0, struct {
			Node, Generation, EntryValid, AttrValid uint64
			EntryNsec, AttrNsec                     uint32
			Attr                                    fuseAttr
		}{Node: fuseFile, EntryValid: 3600, AttrValid: 3600, Attr: attr})
	case fuseGetattr:
		f.reply(in, 0, struct {
			Valid       uint64
			Nsec, Dummy uint32
			Attr        fuseAttr
		}{Valid: 3600, Attr: attr})
	case fuseOpen:
		f.reply(in, 0, struct {
			Handle         uint64
			Flags, Padding uint32
		}{Handle: 1})
	case fusePoll:
		var poll struct {
			Handle, Wake  uint64
			Flags, Events uint32
		}
		binary.Read(rest, binary.NativeEndian, &poll)
		if poll.Flags&fuseScheduleNotify != 0 {
			f.mu.Lock()
			f.wake = poll.Wake
			f.mu.Unlock()
		}
		time.Sleep(f.delay)
		var events uint32
		if f.ready.Load() {
			events = unix.POLLIN
		}
		f.polls.Add(1)
		f.reply(in, 0, struct{ Events, Padding uint32 }{Events: events})
	case fuseRelease, fuseFlush, fuseEnd:
		f.reply(in, 0, nil)
	case fuseForget:
	default:
		f.reply(in, -int32(unix.ENOSYS), nil)
	}
}

func (f *fuseServer) reply(in fuseIn, code int32, body any) {
	f.send(fuseOut{Error: code, Unique: in.Unique}, body)
}

func (f *fuseServer) send(out fuseOut, body any) {
	var b bytes.Buffer
	if body != nil {
		binary.Write(&b, binary.NativeEndian, body)
	}
	out.Len = uint32(16 + b.Len())
	var m bytes.Buffer
	binary.Write(&m, binary.NativeEndian, out)
	m.Write(b.Bytes())
	unix.Write(f.device, m.Bytes())
}

// set makes the file ready, and tells who waits for that.
func (f *fuseServer) set(ready bool) {
	f.ready.Store(ready)
	f.mu.Lock()
	wake := f.wake
	f.mu.Unlock()
	if ready && wake != 0 {
		f.send(fuseOut{Error: fuseNotifyPoll}, wake)
	}
}

// fuseChild uses every selector on a file of the file system that this same
// process serves: where a call of the package kept a P while the kernel asks the
// server, the server could not answer.
func fuseChild(procs int) error {
	dir, err := os.MkdirTemp("", "selectors")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	f, path, err := fuseMount(dir, 2*time.Millisecond)
	if err != nil {
		fmt.Println("skip:", err)
		return nil
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	// A process whose thread waits for the server can't be killed: somebody else
	// has to give the server up (fuse_umount_begin).
	guard := exec.Command("/proc/self/exe", "-test.run=^TestADriverThatTakesItsTimeStopsNobodyElse$")
	guard.Env = append(os.Environ(), "SELECTORS_FUSE=", "SELECTORS_FUSE_GUARD="+dir)
	ended, err := guard.StdinPipe()
	if err != nil {
		return err
	}
	if err := guard.Start(); err != nil {
		return err
	}
	defer guard.Wait()
	defer ended.Close()
	runtime.GOMAXPROCS(procs)
	go func() {
		for {
			runtime.GC()
		}
	}()
	for _, tt := range linuxSelectors {
		for range rounds(1, 2, 5) {
			if err := fuseUse(f, path, tt.open); err != nil {
				return fmt.Errorf("%s: %w", tt.name, err)
			}
		}
	}
	fmt.Println("done")
	return nil
}

func fuseUse(f *fuseServer, path string, open func() (Selector, error)) error {
	f.set(false)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	s, err := open()
	if err != nil {
		return err
	}
	defer s.Close()
	look := func(s Selector, want int) error {
		for range 3 {
			ready, err := s.Select(0)
			if err != nil || len(ready) != want {
				return fmt.Errorf("Select = %v, %v, want %d", format(ready), err, want)
			}
		}
		return nil
	}
	before := f.polls.Load()
	// What is changed before it is looked at for the first time is no exception.
	if _, err := s.Register(fd, EventRead|EventWrite, nil); err != nil {
		return err
	}
	if _, err := s.Modify(fd, EventRead, nil); err != nil {
		return err
	}
	if err := look(s, 0); err != nil {
		return err
	}
	if _, err := s.Unregister(fd); err != nil {
		return err
	}
	if _, err := s.Register(fd, EventRead, nil); err != nil {
		return err
	}
	if err := look(s, 0); err != nil {
		return err
	}
	for _, events := range []EventMask{EventRead | EventWrite, EventRead} {
		if _, err := s.Modify(fd, events, nil); err != nil {
			return err
		}
	}
	f.set(true)
	ready, err := s.Select(hang)
	if err != nil || len(ready) != 1 {
		return fmt.Errorf("Select = %v, %v", format(ready), err)
	}
	if err := look(s, 1); err != nil {
		return err
	}
	if f.polls.Load() == before {
		return errors.New("the file system was not asked")
	}
	// A selector that has it in another one hands that on.
	if inner, ok := s.(*EpollSelector); ok {
		outer, err := open()
		if err != nil {
			return err
		}
		defer outer.Close()
		if _, err := outer.Register(int(inner.Fd()), EventRead, nil); err != nil {
			return err
		}
		if err := look(outer, 1); err != nil {
			return err
		}
	}
	_, err = s.Unregister(fd)
	return err
}

func TestADriverThatTakesItsTimeStopsNobodyElse(t *testing.T) {
	if procs := os.Getenv("SELECTORS_FUSE"); procs != "" {
		var n int
		fmt.Sscan(procs, &n)
		if err := fuseChild(n); err != nil {
			fmt.Println(err)
		}
		os.Exit(0)
	}
	if dir := os.Getenv("SELECTORS_FUSE_GUARD"); dir != "" {
		time.AfterFunc(hang, func() {
			unix.Kill(os.Getppid(), unix.SIGQUIT) // the stacks
			unix.Unmount(dir, unix.MNT_FORCE)
		})
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	if os.Getuid() != 0 {
		t.Skip("to mount a FUSE file system takes root")
	}
	t.Parallel()
	program := executable(t)
	for _, procs := range []int{1, 4} {
		t.Run(fmt.Sprintf("GOMAXPROCS=%d", procs), func(t *testing.T) {
			t.Parallel()
			child := exec.Command(program, "-test.run=^TestADriverThatTakesItsTimeStopsNobodyElse$")
			child.Env = append(os.Environ(), fmt.Sprintf("SELECTORS_FUSE=%d", procs))
			child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
			var out bytes.Buffer
			child.Stdout, child.Stderr = &out, &out
			if err := child.Start(); err != nil {
				t.Skip("no mount namespace of its own: ", err)
			}
			err := child.Wait()
			text := strings.TrimSpace(out.String())
			switch {
			case err != nil:
				t.Fatalf("%v: %s (a call that hung was ended after %v)", err, text, hang)
			case strings.HasPrefix(text, "skip:"):
				t.Skip(text)
			case text != "done":
				t.Fatalf("%s (a call that hung was ended after %v)", text, hang)
			}
		})
	}
}
