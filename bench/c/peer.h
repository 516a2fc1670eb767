// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

#include <stdlib.h>

/* What the user's own code keeps for each descriptor. */
struct conn {
	int fd, out;
	void *watcher; /* the loop's */
};

enum { READ = 1, WRITE = 2, HANGUP = 8, ONCE = 16 };

/* The loop, one file for each library. Every function ends the process on an
   error. */
void loop_init(void);
void loop_add(struct conn *c); /* for reading */
void loop_modify(struct conn *c, int events); /* HANGUP and ONCE: epoll alone */
void loop_remove(struct conn *c);
void loop_flush(void); /* makes the changes that the library puts off */
void loop_run(void);   /* calls handle for each that is ready, until stop */

/* The user's own code. */
extern void (*handle)(struct conn *);
extern int stop; /* set by handle; loop_run sets it back */
void check(int ok, const char *what);
