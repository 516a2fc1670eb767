// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

#include "peer.h"
#include <event2/event.h>
#include <event2/event_struct.h>

static struct event_base *base;

static void ready(evutil_socket_t fd, short events, void *c) {
	(void)fd, (void)events;
	handle(c);
	if (stop)
		event_base_loopbreak(base);
}

void loop_init(void) {
	base = event_base_new();
	check(base != NULL, "event_base_new");
}

void loop_add(struct conn *c) {
	struct event *e = event_new(base, c->fd, EV_READ | EV_PERSIST, ready, c);
	check(e != NULL && event_add(e, NULL) == 0, "event_add");
	c->watcher = e;
}

void loop_modify(struct conn *c, int events) {
	struct event *e = c->watcher;
	check(event_del(e) == 0, "event_del");
	event_assign(e, base, c->fd, (events & READ ? EV_READ : 0) | (events & WRITE ? EV_WRITE : 0) | EV_PERSIST, ready, c);
	check(event_add(e, NULL) == 0, "event_add");
}

void loop_remove(struct conn *c) { event_free(c->watcher); }

void loop_flush(void) {}

void loop_run(void) {
	stop = 0;
	check(event_base_dispatch(base) == 0, "event_base_dispatch");
}
