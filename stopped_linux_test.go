// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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
