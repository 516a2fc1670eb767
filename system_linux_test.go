// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var linuxSelectors = []selectorUnderTest{
	{"EpollSelector", generic(NewEpollSelector)},
	{"PollSelector", generic(NewPollSelector)},
	{"SelectSelector", generic(NewSelectSelector)},
}

// What Linux alone has, such as files that forget their event as soon as they
// are polled, is nothing for the model of /dev/poll. The model of an old one
// runs in devpoll_test.go, and through all tests on Solaris.
var selectorsUnderTest = append(slices.Clone(linuxSelectors),
	selectorUnderTest{"model of /dev/poll", openDevpollModel},
)

var (
	_ func() (*EpollSelector, error) = NewEpollSelector
	_ Selector                       = (*EpollSelector)(nil)
	_ interface{ Fd() uintptr }      = (*EpollSelector)(nil)
)

func init() {
	situations = append(situations, []situation{
		{
			name: "unix datagram pair, the peer has closed",
			make: func(t *testing.T) (any, func()) {
				a, b := situationPair(t, unix.SOCK_DGRAM)
				return a, situationClose(t, b)
			},
			want: EventWrite, // a write says ECONNREFUSED
		},
		{
			name: "unix datagram pair, own reading side shut",
			make: func(t *testing.T) (any, func()) {
				a, _ := situationPair(t, unix.SOCK_DGRAM)
				return a, func() { situationOK(t, unix.Shutdown(a, unix.SHUT_RD)) }
			},
			want: situationHalf,
		},
		{
			name: "FIFO's read end, there was no writer yet",
			make: func(t *testing.T) (any, func()) {
				name := filepath.Join(t.TempDir(), "fifo")
				situationOK(t, unix.Mkfifo(name, 0o600))
				return situationOpen(t, name, unix.O_RDONLY), nil
			},
			want: 0,
		},
		{
			name: "TCP, something in the error queue",
			make: func(t *testing.T) (any, func()) {
				c, _ := errorQueue(t)
				return c, nil
			},
			want: situationRW | EventPriority,
			rows: []situationRow{situationSelect},
		},
		{
			name: "listener, shut",
			make: func(t *testing.T) (any, func()) {
				l := situationListener(t)
				return l, func() { situationOK(t, unix.Shutdown(situationFD(t, l), unix.SHUT_RDWR)) }
			},
			want: situationHungUp,
			rows: []situationRow{situationSelect},
		},
	}...)
}

// situationMaster opens a pseudoterminal's master and returns its slave's name.
func situationMaster(t *testing.T) (fd int, slave string) {
	t.Helper()
	fd = situationOpen(t, "/dev/ptmx", unix.O_RDWR)
	situationOK(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	situationOK(t, err)
	return fd, "/dev/pts/" + strconv.Itoa(int(n))
}

const getTermios, setTermios = unix.TCGETS, unix.TCSETS

func TestNewDefaultSelectorFallsBackWhereEpollIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		rules []rule
		want  string
	}{
		{"nothing", nil, "*selectors.EpollSelector"},
		{"epoll_create1 EPERM", []rule{{unix.SYS_EPOLL_CREATE1, unix.EPERM}}, "*selectors.PollSelector"},
		{"epoll_create1 ENOSYS", []rule{{unix.SYS_EPOLL_CREATE1, unix.ENOSYS}}, "*selectors.PollSelector"},
		{"epoll_ctl EPERM", []rule{{unix.SYS_EPOLL_CTL, unix.EPERM}}, "*selectors.PollSelector"},
		{"epoll_ctl ENOSYS", []rule{{unix.SYS_EPOLL_CTL, unix.ENOSYS}}, "*selectors.PollSelector"},
		{"both waits EPERM", []rule{{unix.SYS_EPOLL_PWAIT, unix.EPERM}, {unix.SYS_EPOLL_PWAIT2, unix.EPERM}}, "*selectors.PollSelector"},
		{"both waits ENOSYS", []rule{{unix.SYS_EPOLL_PWAIT, unix.ENOSYS}, {unix.SYS_EPOLL_PWAIT2, unix.ENOSYS}}, "*selectors.PollSelector"},
		{"epoll_create1 and poll EPERM", []rule{{unix.SYS_EPOLL_CREATE1, unix.EPERM}, {unix.SYS_PPOLL, unix.EPERM}}, "*selectors.SelectSelector"},
		{"epoll_pwait EPERM", []rule{{unix.SYS_EPOLL_PWAIT, unix.EPERM}}, ""},
		{"epoll_pwait2 EPERM", []rule{{unix.SYS_EPOLL_PWAIT2, unix.EPERM}}, "*selectors.EpollSelector"},
		{"epoll_pwait2 ENOSYS", []rule{{unix.SYS_EPOLL_PWAIT2, unix.ENOSYS}}, "*selectors.EpollSelector"},
		{"epoll_pwait2 EACCES", []rule{{unix.SYS_EPOLL_PWAIT2, unix.EACCES}}, "*selectors.EpollSelector"},
		{"epoll_pwait2 EINVAL", []rule{{unix.SYS_EPOLL_PWAIT2, unix.EINVAL}}, "*selectors.EpollSelector"},
		{"epoll_pwait2 EOPNOTSUPP", []rule{{unix.SYS_EPOLL_PWAIT2, unix.EOPNOTSUPP}}, "*selectors.EpollSelector"},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			if !inChild(t, nil) {
				return
			}
			confine(t, tt.rules)
			before := openDescriptors()
			s, err := NewDefaultSelector()
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%T", s); tt.want != "" && got != tt.want {
				t.Errorf("NewDefaultSelector gives %s, want %s", got, tt.want)
			}
			if es, err := NewEpollSelector(); tt.want == "*selectors.PollSelector" {
				var se *os.SyscallError
				if es != nil || !errors.As(err, &se) || !errors.Is(err, tt.rules[0].errno) {
					t.Errorf("NewEpollSelector = %v, %v", es, err)
				}
			} else if err == nil {
				es.Close()
			}
			for _, r := range tt.rules {
				if r.call == unix.SYS_EPOLL_PWAIT2 && tt.want == "*selectors.EpollSelector" && !noPwait2.Load() {
					t.Error("the constructor hasn't found out that epoll_pwait2 is refused")
				}
			}
			r, w := pipe(t)
			key := register(t, s, r.fd, EventRead, nil)
			now(t, s)
			for _, timeout := range []time.Duration{1, time.Microsecond, 1_300_000, 2_000_001, settle} {
				begin := time.Now()
				ready, err := s.Select(timeout)
				if took := time.Since(begin); err != nil || len(ready) != 0 || took < timeout {
					t.Errorf("Select(%v) = %v, %v after %v", timeout, format(ready), err, took)
				}
			}
			blocked := startSelect(s, Forever)
			stillBlocked(t, blocked)
			wakeup(t, s)
			wants(t, end(t, blocked))
			blocked = startSelect(s, time.Hour)
			fill(t, w)
			wants(t, end(t, blocked), Ready{key, EventRead})
			now(t, s, Ready{key, EventRead})
			unregister(t, s, r.fd)
			s.Close()
			r.close()
			w.close()
			if after := openDescriptors(); len(after) != len(before) {
				t.Errorf("open descriptors: %v, before %v", after, before)
			}
		})
	}
}

// Whatever opens a descriptor closes it on exec in the same call: a child of C
// code, which knows nothing of syscall.ForkLock, may begin at any moment.
func TestEveryDescriptorIsCloseOnExecFromItsFirstMoment(t *testing.T) {
	if !inChild(t, nil) {
		return
	}
	var stale []staleFD
	for range 2 * len(selectorsUnderTest) {
		stale = append(stale, newStaleFD(t))
	}
	var filter []unix.SockFilter
	trap := stmt(unix.BPF_RET, unix.SECCOMP_RET_TRAP) // the child dies with its stack
	for _, opens := range []struct {
		call, arg, flag uint32
	}{
		{unix.SYS_EVENTFD2, 1, unix.EFD_CLOEXEC},
		{unix.SYS_EPOLL_CREATE1, 0, unix.EPOLL_CLOEXEC},
		{unix.SYS_TIMERFD_CREATE, 1, unix.TFD_CLOEXEC},
		{unix.SYS_PIPE2, 1, unix.O_CLOEXEC},
		{unix.SYS_DUP3, 2, unix.O_CLOEXEC},
	} {
		filter = append(filter, loadCall(), equal(opens.call, 0, 3),
			loadArg(opens.arg), jump(unix.BPF_JSET, opens.flag, 1, 0), trap)
	}
	// On 32 bit it is SYS_FCNTL64, and not looked at.
	filter = append(filter, loadCall(), equal(unix.SYS_FCNTL, 0, 3),
		loadArg(1), equal(unix.F_DUPFD, 0, 1), trap)
	install(t, filter)
	for i, tt := range selectorsUnderTest {
		if err := ownDescriptors(tt, stale[2*i], func(string) {}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		withoutStandardFiles(t, func() error {
			return ownDescriptors(tt, stale[2*i+1], func(string) {})
		})
	}
}

const stoppedTimeout = 100 * time.Millisecond

// stoppedChild waits again and again, and says when it begins and ends.
func stoppedChild(name string) {
	for _, tt := range linuxSelectors {
		if tt.name != name {
			continue
		}
		s, err := tt.open()
		if err != nil {
			fmt.Println(err)
			return
		}
		in := bufio.NewReader(os.Stdin)
		for {
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
			fmt.Println("begins")
			ready, err := s.Select(stoppedTimeout)
			fmt.Println("ends", len(ready), err)
		}
	}
}

// The kernel that counts the timeout anew after a stop makes the wait at least
// as long as the timeout and the stop together. A busy machine can do that as
// well, but not every time.
// Of poll and select that is not promised.
func TestAStopDoesNotLengthenAWaitByEpoll(t *testing.T) {
	if name := os.Getenv("SELECTORS_STOPPED"); name != "" {
		stoppedChild(name)
		os.Exit(0)
	}
	t.Parallel()
	for _, tt := range linuxSelectors[:1] {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			child, in, lines := startAgain(t, "SELECTORS_STOPPED="+tt.name)
			defer child.Wait()
			defer in.Close()
			defer child.Process.Kill()
			expect := func(want string) {
				t.Helper()
				var line string
				var err error
				within(t, "the child", func() { line, err = lines.ReadString('\n') })
				if err != nil || !strings.HasPrefix(line, want) {
					t.Fatalf("the child says %q, %v; want %q", line, err, want)
				}
			}
			for begin := time.Now(); ; {
				fmt.Fprintln(in, "go")
				expect("begins")
				waited := time.Now()
				time.Sleep(stoppedTimeout / 4) // it is in the kernel, most often
				child.Process.Signal(unix.SIGSTOP)
				var status unix.WaitStatus
				if _, err := unix.Wait4(child.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
					t.Fatal(status, err)
				}
				stopped := time.Now()
				time.Sleep(stoppedTimeout * 3 / 2)
				stop := time.Since(stopped)
				child.Process.Signal(unix.SIGCONT)
				expect("ends 0 <nil>")
				took := time.Since(waited)
				if took < stoppedTimeout+stop {
					return
				}
				if time.Since(begin) > hang {
					t.Fatalf("a wait of %v with a stop of %v took %v, each time", stoppedTimeout, stop, took)
				}
			}
		})
	}
}

// Linux has nanoseconds for all selectors. Before 5.11 epoll counts in
// milliseconds, and where there is no descriptor for an alarm poll does, and
// select in microseconds.
func TestFractionsAreWaitedForWhereLinuxCountsCoarsely(t *testing.T) {
	before := noPwait2.Swap(true)
	defer noPwait2.Store(before)
	for _, tt := range linuxSelectors {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, tt)
			r, _ := pipe(t)
			register(t, s, r.fd, EventRead, nil)
			takeAll(t, r)
			roundedUp(t, s)
			shortWaitsSleep(t, s)
		})
	}
}

// A call of the system takes longer than a microsecond, so that no clock shows
// whether one was rounded down. But a wait of no time doesn't sleep, which is what
// gives the CPU up.
func shortWaitsSleep(t *testing.T, s Selector) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sleeps := func() int64 {
		var usage unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
			t.Fatal(err)
		}
		return int64(usage.Nvcsw)
	}
	before := sleeps()
	unix.Nanosleep(&unix.Timespec{Nsec: 1_000_000}, nil)
	if sleeps() == before {
		t.Log("this system doesn't count how often a thread sleeps")
		return
	}
	w := s.(backend)
	for _, timeout := range []time.Duration{1, 999} {
		if ready, err := w.look(nil); err != nil || len(ready) != 0 {
			t.Fatal(format(ready), err)
		}
		before = sleeps()
		for range 20 {
			if err := w.prepare(); err != nil {
				t.Fatal(err)
			}
			if _, err := w.wait(timeout); err != nil {
				t.Fatal(err)
			}
		}
		if sleeps() == before {
			t.Errorf("20 waits of %v, none of which slept", timeout)
		}
	}
}

// Only one of the waits on a selector is in the kernel: the others sleep in Go.
func TestAnyNumberOfBlockedWaitsTakesOneThread(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const waits = 200
		threads := func() int {
			list, err := os.ReadDir("/proc/self/task")
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		a, b := tcpPair(t)
		key := register(t, s, a, EventRead, nil)
		before := threads()
		c := startSelects(s, Forever, waits)
		// The runtime may want some for itself.
		if n := threads() - before; n > waits/10 {
			t.Errorf("%d waits take %d threads", waits, n)
		}
		send(t, b)
		wants(t, end(t, c), Ready{key, EventRead})
		s.Close()
	})
}

// An event that is for one wakes one, however many wait.
func TestAnEventCostsTheSameWithManyWaits(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		const waits = 64
		events := rounds(50, 200, 2000)
		a, b := tcpPair(t)
		send(t, b)
		key := register(t, s, a, EventRead|EventOnce, nil)
		soon(t, s, Ready{key, EventRead})
		o := observe(s)
		answers := make(chan answer, waits)
		var group sync.WaitGroup
		for range waits {
			spawn(&group, func() {
				for {
					ready, err := s.Select(Forever)
					if err != nil {
						return
					}
					answers <- answer{ready, err}
				}
			})
		}
		eventually("all wait", func() bool { return blocked(s) == waits })
		turns, looks := o.turns.Load(), o.looks.Load()
		for range events {
			key = modify(t, s, key, EventRead|EventOnce, nil)
			wants(t, end(t, answers), Ready{key, EventRead})
		}
		// A change is a turn more for poll and select, and who comes back looks first.
		if n := int(o.turns.Load() - turns); n > 3*events+few {
			t.Errorf("%d turns for %d events with %d waits", n, events, waits)
		}
		if n := int(o.looks.Load() - looks); n > 2*events+few {
			t.Errorf("%d looks for %d events with %d waits", n, events, waits)
		}
		s.Close()
		group.Wait()
	})
}

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
