// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"errors"
	"net"
	"runtime"
	"testing"
	"time"
	"unsafe"
	"weak"
)

// The kernel writes to the memory of a request until its packet has come.

// poison takes the memory that the collector has freed, of the sizes that the
// kernel writes to, and returns a function that says whether somebody else has
// written there.
func poison() func() bool {
	for range 3 {
		runtime.GC()
	}
	blocks := make([]*[unsafe.Sizeof(afdGroup{})]byte, 20000)
	for i := range blocks {
		blocks[i] = new([unsafe.Sizeof(afdGroup{})]byte)
		for k := range blocks[i] {
			blocks[i][k] = 0xa5
		}
	}
	return func() bool {
		for _, b := range blocks {
			for _, v := range b {
				if v != 0xa5 {
					return true
				}
			}
		}
		return false
	}
}

func TestTheKernelsMemoryOutlivesASelectorThatWasDropped(t *testing.T) {
	var peers []*net.TCPConn
	func() {
		for range 20 {
			s, err := NewIOCPSelector()
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				a, b := tcpPair(t)
				register(t, s, fdOf(t, a), EventRead, nil)
				peers = append(peers, b)
			}
			now(t, s)
		}
	}()
	written := poison()
	for _, b := range peers {
		send(t, b)
	}
	time.Sleep(10 * settle)
	if written() {
		t.Fatal("the kernel wrote to memory that had been freed")
	}
}

func TestTheKernelsMemoryOutlivesUnregisterAndClose(t *testing.T) {
	for range 3 {
		var peers []*net.TCPConn
		var open []*IOCPSelector
		var waits []<-chan answer
		for i := range 20 {
			s := newIOCP(t)
			open = append(open, s)
			for k := range 5 {
				a, b := tcpPair(t)
				register(t, s, fdOf(t, a), EventRead, nil)
				peers = append(peers, b)
				if k%3 == 0 {
					unregister(t, s, fdOf(t, a))
				}
			}
			if i%2 == 0 {
				c := make(chan answer, 1)
				waits = append(waits, c)
				go func() {
					_, err := s.SelectContext(t.Context())
					for err == nil {
						_, err = s.SelectContext(t.Context())
					}
					c <- answer{nil, err}
				}()
			}
		}
		written := poison()
		for _, b := range peers {
			send(t, b)
		}
		time.Sleep(settle)
		if written() {
			t.Fatal("the kernel wrote to memory that had been freed by Unregister")
		}
		for _, s := range open {
			s.Close()
		}
		for _, c := range waits {
			if a := end(t, c); !errors.Is(a.err, ErrClosed) {
				t.Fatal(a)
			}
		}
		written = poison()
		for _, b := range peers {
			send(t, b)
		}
		time.Sleep(settle)
		if written() {
			t.Fatal("the kernel wrote to memory that had been freed by Close")
		}
	}
}

// Close frees what the kernel may write to, and so has seen every packet.
func TestCloseGivesTheKernelsMemoryBack(t *testing.T) {
	var ports []*afdPort
	var groups []weak.Pointer[afdGroup]
	func() {
		s := newIOCP(t)
		ports = append(ports, s.port)
		for range 3 * groupSize {
			a, _ := tcpPair(t)
			register(t, s, a, EventRead, nil)
		}
		c := startSelect(s, Forever)
		for _, g := range s.port.groups {
			groups = append(groups, weak.Make(g))
		}
		s.Close()
		end(t, c)

		// A wait that comes out after Close leaves the packets that it has taken.
		s = newIOCP(t)
		ports = append(ports, s.port)
		a, _ := tcpPair(t)
		register(t, s, a, EventWrite, nil)
		groups = append(groups, weak.Make(s.port.groups[0]))
		if _, err := s.wait(hang); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}()
	for _, p := range ports {
		if n := p.inFlight.Load(); n != 0 {
			t.Errorf("%d packets are missing", n)
		}
	}
	if len(groups) != 4 {
		t.Fatalf("%d groups", len(groups))
	}
	for _, g := range groups {
		within(t, "freeing", func() {
			for g.Value() != nil {
				runtime.GC()
			}
		})
	}
}
