// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"testing"

	"golang.org/x/sys/unix"
)

// What only names a file can't be waited for, by no selector.
func TestADescriptorThatOnlyNamesAFileIsEBADF(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		for _, path := range []string{"/", "/dev/null", "/proc/self/exe"} {
			d := openFile(t, path, unix.O_PATH)
			key, err := s.Register(d.fd, EventRead, nil)
			refused(t, err, unix.EBADF, "Register", "int", d.fd)
			if key != nil || s.GetMap().Len() != 0 {
				t.Errorf("%s: there is a key", path)
			}
			r, _ := pipe(t)
			register(t, s, r.fd, EventRead, nil)
			if err := unix.Dup2(d.fd, r.fd); err != nil {
				t.Fatal(err)
			}
			_, err = s.Modify(r.fd, EventWrite, nil)
			refused(t, err, unix.EBADF, "Modify", "int", r.fd)
			now(t, s)
		}
	})
}
