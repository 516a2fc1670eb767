// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

#include "peer.h"
#include <ev.h>

static struct ev_loop *loop;

static void ready(struct ev_loop *l, ev_io *w, int events) {
	(void)events;
	handle(w->data);
	if (stop)
		ev_break(l, EVBREAK_ONE);
}

void loop_init(void) {
	loop = ev_loop_new(EVBACKEND_EPOLL);
	check(loop != NULL, "ev_loop_new");
}

void loop_add(struct conn *c) {
	ev_io *w = malloc(sizeof *w);
	ev_io_init(w, ready, c->fd, EV_READ);
	w->data = c;
	c->watcher = w;
	ev_io_start(loop, w);
}

void loop_modify(struct conn *c, int events) {
	ev_io *w = c->watcher;
	ev_io_stop(loop, w);
	ev_io_set(w, c->fd, (events & READ ? EV_READ : 0) | (events & WRITE ? EV_WRITE : 0));
	ev_io_start(loop, w);
}

void loop_remove(struct conn *c) {
	ev_io_stop(loop, c->watcher);
	free(c->watcher);
}

void loop_flush(void) { ev_run(loop, EVRUN_NOWAIT); }

void loop_run(void) {
	stop = 0;
	ev_run(loop, 0);
}
