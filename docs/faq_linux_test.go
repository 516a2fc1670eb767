// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package docs

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors"
)

var digits = regexp.MustCompile(`[0-9]+`)

// quoted checks that faq.md has a text, whatever the numbers in it.
func quoted(t *testing.T, text any) {
	t.Helper()
	want := digits.ReplaceAllString(fmt.Sprint(text), "0")
	if !strings.Contains(digits.ReplaceAllString(read(t, "docs/faq.md"), "0"), "\n"+want+"\n") {
		t.Errorf("faq.md doesn't have this line: %v", text)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func epoll(t *testing.T) *selectors.EpollSelector {
	t.Helper()
	sel, err := selectors.NewEpollSelector()
	noError(t, err)
	t.Cleanup(func() { sel.Close() })
	return sel
}

// connect returns the two ends of a TCP connection.
func connect(t *testing.T) (client, server net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	defer listener.Close()
	client, err = net.Dial("tcp", listener.Addr().String())
	noError(t, err)
	t.Cleanup(func() { client.Close() })
	server, err = listener.Accept()
	noError(t, err)
	t.Cleanup(func() { server.Close() })
	return client, server
}

func pipe(t *testing.T) (r, w int) {
	t.Helper()
	var p [2]int
	noError(t, unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	return p[0], p[1]
}

func TestARegularFileIsRefusedByEpoll(t *testing.T) {
	input, err := os.Open(os.DevNull)
	noError(t, err)
	defer input.Close()
	var always []*os.File
	sel := epoll(t)
	_, err = sel.Register(input, selectors.EventRead, nil)
	quoted(t, err)

	_, err = sel.Register(input, selectors.EventRead, nil)
	if errors.Is(err, syscall.EPERM) {
		always = append(always, input) // read it in each turn, and wait with a timeout of 0
		err = nil
	}

	if err != nil || len(always) != 1 {
		t.Errorf("%v, %d", err, len(always))
	}
}

func TestPollTakesARegularFile(t *testing.T) {
	input, err := os.Open(os.DevNull)
	noError(t, err)
	defer input.Close()
	sel, err := selectors.NewDefaultSelector()
	noError(t, err)

	_, err = sel.Register(input, selectors.EventRead, nil)
	if errors.Is(err, syscall.EPERM) { // a regular file or /dev/null: poll takes it
		sel.Close()
		if sel, err = selectors.NewPollSelector(); err == nil {
			_, err = sel.Register(input, selectors.EventRead, nil)
		}
	}

	noError(t, err)
	defer sel.Close()
	ready, err := sel.Select(0)
	if err != nil || len(ready) != 1 {
		t.Errorf("%v, %v", ready, err)
	}
}

func TestDescriptorsFrom1024OnDoNotFitIntoSelect(t *testing.T) {
	var limit unix.Rlimit
	noError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	if limit.Cur <= 1024 {
		t.Skip("no descriptor may be higher than 1023 here")
	}
	r, _ := pipe(t)
	high, err := unix.FcntlInt(uintptr(r), unix.F_DUPFD_CLOEXEC, 1024)
	noError(t, err)
	defer unix.Close(high)

	func() {
		defer func() { quoted(t, fmt.Sprint("panic: ", recover())) }()
		new(unix.FdSet).Set(high)
	}()
	sel, err := selectors.NewSelectSelector()
	noError(t, err)
	defer sel.Close()
	_, err = sel.Register(high, selectors.EventRead, nil)
	quoted(t, err)

	_, err = epoll(t).Register(high, selectors.EventRead, nil)
	noError(t, err)
}

func TestANumberThatWasGivenOutAgain(t *testing.T) {
	sel := epoll(t)
	client, server := connect(t)
	key, err := sel.Register(server, selectors.EventRead, nil)
	noError(t, err)
	_, err = sel.Register(key.FD, selectors.EventRead, nil)
	quoted(t, strings.Replace(err.Error(), "int", "*net.TCPConn", 1))
	fd := key.FD
	data := "data"

	// Another file gets the number: ours is readable.
	r, w := pipe(t)
	_, err = unix.Write(w, []byte("x"))
	noError(t, err)
	raw, err := server.(*net.TCPConn).SyscallConn()
	noError(t, err)
	raw.Control(func(fd uintptr) { err = unix.Dup3(r, int(fd), unix.O_CLOEXEC) })
	noError(t, err)
	if ready, err := sel.Select(0); len(ready) != 0 || err != nil {
		t.Errorf("before: %v, %v", ready, err)
	}

	sel.Unregister(fd) // succeeds, whatever the number names by now
	_, err = sel.Register(fd, selectors.EventRead, data)

	noError(t, err)
	if ready, err := sel.Select(0); len(ready) != 1 || err != nil {
		t.Errorf("after: %v, %v", ready, err)
	}
	client.Close()
}

func TestAKeyThatIsStaleWithinABatch(t *testing.T) {
	sel := epoll(t)
	for range 2 {
		client, server := connect(t)
		_, err := client.Write([]byte("x"))
		noError(t, err)
		_, err = sel.Register(server, selectors.EventRead, nil)
		noError(t, err)
	}
	var ready []selectors.Ready
	for len(ready) < 2 {
		var err error
		ready, err = sel.Select(time.Minute)
		noError(t, err)
	}
	handled := 0
	handle := func(r selectors.Ready) {
		handled++
		for _, other := range ready {
			sel.Unregister(other.Key)
		}
	}

	for _, r := range ready {
		if _, err := sel.GetKey(r.Key); err != nil {
			continue // an earlier one of this list has unregistered or modified it
		}
		handle(r)
	}

	if handled != 1 {
		t.Errorf("%d were handled", handled)
	}
}

func TestTheSelectorsOwnDescriptorIsRefused(t *testing.T) {
	probe, err := unix.Dup(0) // the lowest number that is free
	noError(t, err)
	unix.Close(probe)
	sel := epoll(t)
	for fd := probe; fd < probe+100; fd++ { // most likely the first or the second
		_, err := sel.Register(fd, selectors.EventRead, nil)
		if errors.Is(err, unix.EEXIST) {
			quoted(t, err)
			return
		}
	}
	t.Error("no number is refused because it exists")
}

// A process's end by a descriptor that is the caller's.
func TestAProcessHasADescriptorOfItsOwn(t *testing.T) {
	program, err := exec.LookPath("true")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(program)

	pidfd := -1
	cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}

	noError(t, cmd.Start())
	if pidfd < 0 {
		cmd.Wait()
		t.Skip("this kernel has no pidfd")
	}
	defer unix.Close(pidfd)
	sel := epoll(t)
	_, err = sel.Register(pidfd, selectors.EventRead, nil)
	noError(t, err)
	ready, err := sel.Select(time.Minute)
	if err != nil || len(ready) != 1 {
		t.Errorf("%v, %v", ready, err)
	}
	noError(t, cmd.Wait())
}

func TestOnesOwnCloseReadLooksLikeThePeersEnd(t *testing.T) {
	sel := epoll(t)
	client, server := connect(t)
	_, err := sel.Register(server, selectors.EventRead|selectors.EventHangup, nil)
	noError(t, err)
	noError(t, server.(*net.TCPConn).CloseRead())
	buf := make([]byte, 10)
	if _, err := selectors.TryRead(server, buf); err != io.EOF {
		t.Errorf("with nothing there: %v, want io.EOF", err)
	}
	_, err = client.Write([]byte("hello"))
	noError(t, err)
	for n := 0; n == 0; {
		ready, err := sel.Select(time.Minute)
		noError(t, err)
		if want := selectors.EventRead | selectors.EventHangup; len(ready) != 1 || ready[0].Events != want {
			t.Fatalf("%v, want %v", ready, want)
		}
		n, _ = selectors.TryRead(server, buf)
	}
}

func TestRefusalsThatNameTheWayOut(t *testing.T) {
	sel := epoll(t)
	client, _ := connect(t)
	_, err := sel.Register(tls.Client(client, &tls.Config{}), selectors.EventRead, nil)
	quoted(t, err)
	_, err = sel.Register(struct{ net.Conn }{client}, selectors.EventRead, nil)
	quoted(t, strings.Replace(err.Error(), "struct { net.Conn }", "main.conn", 1))
	_, err = sel.Register(9999, selectors.EventRead, nil)
	quoted(t, err)
	client.Close()
	_, err = sel.Register(client, selectors.EventRead, nil)
	quoted(t, digits.ReplaceAllString(err.Error(), "0"))

	sel.Close()
	_, err = sel.Select(0)
	quoted(t, err)
}

func TestAHangUpThatSelectCannotTell(t *testing.T) {
	sel, err := selectors.NewSelectSelector()
	noError(t, err)
	defer sel.Close()
	_, conn := connect(t)
	_, err = sel.Register(conn, selectors.EventHangup, nil)
	quoted(t, err)

	_, err = sel.Register(conn, selectors.EventHangup, nil)
	if errors.Is(err, errors.ErrUnsupported) {
		_, err = sel.Register(conn, selectors.EventRead, nil) // and a read that returns io.EOF
	}

	noError(t, err)
}

// An unread error queue keeps a socket ready for all that it is registered for.
func TestAnErrorQueueThatNobodyReads(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	noError(t, err)
	defer unix.Close(fd)
	noError(t, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1))
	nobody := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	closed, err := net.ListenPacket("udp4", "127.0.0.1:0")
	noError(t, err)
	nobody.Port = closed.LocalAddr().(*net.UDPAddr).Port
	closed.Close()
	sel := epoll(t)
	_, err = sel.Register(fd, selectors.EventRead|selectors.EventHangup, nil)
	noError(t, err)
	noError(t, unix.Sendto(fd, []byte("x"), 0, nobody))
	buf, oob := make([]byte, 100), make([]byte, 1000)
	for range 3 {
		ready, err := sel.Select(time.Minute)
		if err != nil || len(ready) != 1 || ready[0].Events != selectors.EventRead {
			t.Fatalf("%v, %v", ready, err)
		}
		_, err = selectors.TryRead(fd, buf) // takes the error and not the queue
		if err == nil {
			t.Error("data was read")
		}
	}

	for {
		_, _, _, _, err := unix.Recvmsg(fd, buf, oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if err != nil {
			break // EAGAIN: the queue is empty
		}
	}

	if ready, err := sel.Select(0); err != nil || len(ready) != 0 {
		t.Errorf("after the queue was read: %v, %v", ready, err)
	}
}

// A reader of less than what came stands still, since the rest is in the
// tls.Conn and not in the socket.
func TestWhatTLSHoldsBackIsNotReported(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	noError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(nil, template, template, private.Public(), private)
	noError(t, err)
	a, b := connect(t)
	server := tls.Server(a, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}})
	client := tls.Client(b, &tls.Config{InsecureSkipVerify: true})
	sent := make(chan error, 1)
	go func() {
		_, err := server.Write(make([]byte, 10_000))
		sent <- err
	}()
	noError(t, client.Handshake())
	noError(t, <-sent)

	sel := epoll(t)
	_, refusal := sel.Register(client, selectors.EventRead, nil)
	_, rerr := selectors.TryRead(client, make([]byte, 1))
	_, werr := selectors.TryWrite(client, make([]byte, 1))
	for _, err := range []error{refusal, rerr, werr} {
		if !errors.Is(err, selectors.ErrInvalidFileObj) || !strings.Contains(err.Error(), "NetConn") {
			t.Errorf("a *tls.Conn is refused by %v, which doesn't name NetConn", err)
		}
	}
	_, err = sel.Register(client.NetConn(), selectors.EventRead, nil)
	noError(t, err)
	buf := make([]byte, 1000)
	n, err := client.Read(buf) // handles what came before the data, and all of the first record
	noError(t, err)
	all := n
	for {
		ready, err := sel.Select(0)
		noError(t, err)
		if len(ready) == 0 {
			break
		}
		n, err := client.Read(buf)
		noError(t, err)
		all += n
	}
	t.Logf("the reader stands still at %d of 10,000 bytes", all)
	if all >= 10_000 {
		t.Error("nothing is held back")
	}
}

func TestACommandsPipesRegisterAsTheyAre(t *testing.T) {
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Skip(err)
	}
	sel := epoll(t)

	cmd := exec.Command(cat)
	stdin, err := cmd.StdinPipe()
	noError(t, err)
	stdout, err := cmd.StdoutPipe()
	noError(t, err)
	noError(t, cmd.Start())
	_, err = sel.Register(stdout, selectors.EventRead, nil)
	noError(t, err)

	_, err = stdin.Write([]byte("x"))
	noError(t, err)
	ready, err := sel.Select(time.Minute)
	noError(t, err)
	if len(ready) != 1 {
		t.Errorf("%v", ready)
	}
	stdin.Close()
	buf := make([]byte, 10)
	for err == nil {
		_, err = stdout.Read(buf)
	}
	noError(t, cmd.Wait())
}

// A device is somebody's file object: what Python finds by fileno.
type device struct{ file *os.File }

func (d *device) SyscallConn() (syscall.RawConn, error) { return d.file.SyscallConn() }

func TestFilenoIsASyscallConnMethod(t *testing.T) {
	r, w, err := os.Pipe()
	noError(t, err)
	defer r.Close()
	defer w.Close()
	sel := epoll(t)
	_, err = sel.Register(&device{r}, selectors.EventRead, nil)
	noError(t, err)
}

func TestATimeoutTogetherWithAContext(t *testing.T) {
	sel := epoll(t)
	parent, stop := context.WithCancel(context.Background())
	defer stop()
	timeout := time.Millisecond

	ctx, cancel := context.WithTimeout(parent, timeout)
	ready, err := sel.SelectContext(ctx)
	cancel()
	switch {
	case parent.Err() != nil:
		return // the program ends
	case errors.Is(err, context.DeadlineExceeded):
		err = nil // the timeout is over
	}

	if err != nil || len(ready) != 0 {
		t.Errorf("%v, %v", ready, err)
	}
}

// What the kernel says of an unread urgent byte on a unix socket.
func TestUrgentDataOfAUnixSocketIsDataAsWell(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	noError(t, err)
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if err := unix.Sendto(pair[0], []byte("!"), unix.MSG_OOB, nil); err != nil {
		t.Skip("this kernel has no urgent data on unix sockets: ", err)
	}
	sel := epoll(t)
	_, err = sel.Register(pair[1], selectors.EventRead, nil)
	noError(t, err)
	ready, err := sel.Select(0)
	if err != nil || len(ready) != 1 {
		t.Errorf("%v, %v", ready, err)
	}
}

func TestAUserfaultfdMustBeNonBlocking(t *testing.T) {
	for _, flags := range []uintptr{0, unix.O_NONBLOCK} {
		fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, flags|unix.O_CLOEXEC, 0, 0)
		if errno != 0 {
			t.Skip("userfaultfd: ", errno)
		}
		api := [3]uint64{0xaa, 0, 0}
		if err := handshake(int(fd), &api); err != nil {
			t.Fatal(err)
		}
		sel := epoll(t)
		_, err := sel.Register(fd, selectors.EventRead, nil)
		noError(t, err)
		ready, err := sel.Select(0)
		noError(t, err)
		if (len(ready) == 0) != (flags == unix.O_NONBLOCK) {
			t.Errorf("flags %#x: %v", flags, ready)
		}
		unix.Close(int(fd))
	}
}

// handshake is UFFDIO_API, without which a userfaultfd does nothing.
func handshake(fd int, api *[3]uint64) error {
	const uffdioAPI = 0xc018aa3f
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uffdioAPI, uintptr(unsafe.Pointer(api)))
	if errno != 0 {
		return errno
	}
	return nil
}
