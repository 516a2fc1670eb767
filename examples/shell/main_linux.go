// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Shell gives everyone who connects by telnet a terminal with a program in it:
// sockets, pseudoterminals and the ends of processes in one loop.
//
//	go run ./examples/shell -addr localhost:2323 /bin/sh
//
// Enter by telnet localhost 2323; the terminal follows the size of the window. Or
// by curl -N telnet://localhost:2323, line by line.
// Nobody is asked for a password, so keep it on localhost.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/go-selectors/selectors"
)

// A callback is the data of every key but the listener's.
type callback func(events selectors.EventMask)

var sel selectors.Selector

// A session is a connection, a terminal, and a process in it.
type session struct {
	sock, pty, pidfd int // -1 once closed
	cmd              *exec.Cmd
	toSock, toPty    []byte // what is to be written
	command          []byte // one of telnet's that is not complete
	afterCR          bool
}

func accept(listener int, program []string) {
	sock, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return
	}
	s := &session{sock: sock, pty: -1, pidfd: -1}
	if err := s.start(program); err != nil {
		log.Print(err)
		unix.Write(sock, []byte(err.Error()+"\r\n"))
		s.hangUp()
	}
}

func (s *session) start(program []string) error {
	var err error
	s.pty, err = unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(s.pty, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	n, err := unix.IoctlGetUint32(s.pty, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	fd, err := unix.Open("/dev/pts/"+strconv.Itoa(int(n)), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	tty := os.NewFile(uintptr(fd), "tty")
	defer tty.Close()

	s.cmd = exec.Command(program[0], program[1:]...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = tty, tty, tty
	// A pidfd is readable once its process has ended.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, PidFD: &s.pidfd}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	watch(s.pidfd, selectors.EventRead, s.ended)
	s.toSock = []byte{iac, will, optEcho, iac, will, optGoAhead, iac, do, optSize}
	s.update()
	return nil
}

// update asks for what the session needs next: to read from one side only
// while there is nothing left to write to the other.
func (s *session) update() {
	if s.pty < 0 {
		s.toPty = nil
	}
	watch(s.sock, interest(s.toPty, s.toSock), s.sockReady)
	watch(s.pty, interest(s.toSock, s.toPty), s.ptyReady)
}

func interest(theirs, mine []byte) (events selectors.EventMask) {
	if len(theirs) == 0 {
		events |= selectors.EventRead
	}
	if len(mine) > 0 {
		events |= selectors.EventWrite
	}
	return events
}

func watch(fd int, events selectors.EventMask, ready callback) {
	if fd < 0 {
		return
	}
	key, err := sel.GetKey(fd)
	switch {
	case err != nil && events != 0:
		_, err = sel.Register(fd, events, ready)
	case err == nil && events == 0:
		_, err = sel.Unregister(fd)
	case err == nil && events != key.Events:
		_, err = sel.Modify(fd, events, ready)
	default:
		return
	}
	if err != nil {
		log.Fatal(err)
	}
}

func (s *session) sockReady(events selectors.EventMask) {
	if s.sock < 0 {
		return // closed by a callback earlier in the same list
	}
	ok := true
	if events&selectors.EventWrite != 0 {
		s.toSock, ok = write(s.sock, s.toSock)
	}
	if ok && events&selectors.EventRead != 0 {
		var data []byte
		data, ok = read(s.sock)
		for _, b := range data {
			s.input(b)
		}
	}
	if !ok || s.pidfd < 0 && len(s.toSock) == 0 {
		s.hangUp()
		return
	}
	s.update()
}

func (s *session) ptyReady(events selectors.EventMask) {
	if s.pty < 0 {
		return
	}
	ok := true
	if events&selectors.EventWrite != 0 {
		s.toPty, ok = write(s.pty, s.toPty)
	}
	if ok && events&selectors.EventRead != 0 {
		_, ok = s.output()
	}
	if !ok { // no process has the terminal open
		closeFD(&s.pty)
	}
	s.update()
}

// output passes on what one read from the terminal gives.
func (s *session) output() (n int, ok bool) {
	data, ok := read(s.pty)
	s.toSock = append(s.toSock, bytes.ReplaceAll(data, []byte{iac}, []byte{iac, iac})...)
	return len(data), ok
}

// ended passes on the last words of a process. Others that it has left behind
// may go on talking, but the terminal's end is the end of the first.
func (s *session) ended(selectors.EventMask) {
	s.cmd.Wait()
	closeFD(&s.pidfd)
	if s.pty >= 0 {
		for range 16 {
			if n, ok := s.output(); n == 0 || !ok {
				break
			}
		}
		closeFD(&s.pty)
	}
	s.toSock = fmt.Appendf(s.toSock, "\r\n%v\r\n", s.cmd.ProcessState)
	s.update()
}

// hangUp ends the connection. The kernel sends SIGHUP to the processes of a
// terminal that is closed.
func (s *session) hangUp() {
	closeFD(&s.sock)
	closeFD(&s.pty)
}

func closeFD(fd *int) {
	if *fd >= 0 {
		sel.Unregister(*fd)
		unix.Close(*fd)
		*fd = -1
	}
}

// read and write return false at the end of a file and for errors.
func read(fd int) ([]byte, bool) {
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	if err == unix.EAGAIN || err == unix.EINTR {
		return nil, true
	}
	return buf[:max(n, 0)], n > 0
}

func write(fd int, data []byte) ([]byte, bool) {
	n, err := unix.Write(fd, data)
	if err == unix.EAGAIN || err == unix.EINTR {
		return data, true
	}
	return data[max(n, 0):], err == nil
}

// Commands and options of telnet: RFC 854, 857, 858, 1073.
const (
	iac  = 255
	do   = 253
	will = 251
	sb   = 250
	se   = 240

	optEcho    = 1
	optGoAhead = 3
	optSize    = 31
)

// input takes telnet's commands out of what the client sends.
func (s *session) input(b byte) {
	switch {
	case len(s.command) > 0:
		s.command = append(s.command, b)
		if s.complete() {
			s.command = s.command[:0]
		}
	case b == iac:
		s.command = append(s.command, b)
	case s.afterCR && (b == 0 || b == '\n'):
		// The second half of an end of line.
	default:
		s.toPty = append(s.toPty, b)
	}
	s.afterCR = b == '\r'
}

// complete reports whether the command is complete, and follows it.
func (s *session) complete() bool {
	c := s.command
	switch {
	case c[1] == iac:
		s.toPty = append(s.toPty, iac)
		return true
	case c[1] != sb:
		return c[1] < sb || len(c) == 3
	case !bytes.HasSuffix(c, []byte{iac, se}):
		return len(c) > 100 // nonsense
	}
	if len(c) == 9 && c[2] == optSize && s.pty >= 0 {
		size := unix.Winsize{Col: binary.BigEndian.Uint16(c[3:]), Row: binary.BigEndian.Uint16(c[5:])}
		unix.IoctlSetWinsize(s.pty, unix.TIOCSWINSZ, &size)
	}
	return true
}

func main() {
	addr := flag.String("addr", "127.0.0.1:2323", "the address to listen on")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Shell gives everyone who comes a terminal with a program in it: shell [flags] [program [arguments]]\n"+
			"The program is /bin/sh if there is none. Come by one of\n"+
			"  telnet 127.0.0.1 2323\n  curl -N telnet://127.0.0.1:2323\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	program := flag.Args()
	if len(program) == 0 {
		program = []string{"/bin/sh"}
	}
	if _, err := exec.LookPath(program[0]); err != nil {
		fmt.Fprintf(os.Stderr, "shell: %v\n", err)
		os.Exit(2)
	}
	if signal.Ignored(syscall.SIGHUP) {
		// By nohup. A program inherits what is ignored, and not what is caught,
		// and has to hear that its terminal is gone.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	var err error
	sel, err = selectors.NewDefaultSelector()
	if err != nil {
		log.Fatal(err)
	}
	defer sel.Close()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	if _, err := sel.Register(listener, selectors.EventRead, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())

	for {
		ready, err := sel.SelectContext(ctx)
		if ctx.Err() != nil {
			fmt.Println()
			return // Ctrl-C
		}
		if err != nil {
			log.Fatal(err)
		}
		for _, r := range ready {
			if ready, ok := r.Key.Data.(callback); ok {
				ready(r.Events)
			} else {
				accept(r.Key.FD, program)
			}
		}
	}
}
