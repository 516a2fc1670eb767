// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

#include "peer.h"
#include <uv.h>

static uv_loop_t loop;

static void ready(uv_poll_t *w, int status, int events) {
	(void)status, (void)events;
	handle(w->data);
	if (stop)
		uv_stop(&loop);
}

void loop_init(void) { check(uv_loop_init(&loop) == 0, "uv_loop_init"); }

void loop_add(struct conn *c) {
	uv_poll_t *w = malloc(sizeof *w);
	check(uv_poll_init(&loop, w, c->fd) == 0, "uv_poll_init");
	w->data = c;
	c->watcher = w;
	check(uv_poll_start(w, UV_READABLE, ready) == 0, "uv_poll_start");
}

void loop_modify(struct conn *c, int events) {
	check(uv_poll_start(c->watcher, (events & READ ? UV_READABLE : 0) | (events & WRITE ? UV_WRITABLE : 0), ready) == 0, "uv_poll_start");
}

void loop_remove(struct conn *c) { uv_close(c->watcher, (uv_close_cb)free); }

void loop_flush(void) { uv_run(&loop, UV_RUN_NOWAIT); }

void loop_run(void) {
	stop = 0;
	uv_run(&loop, UV_RUN_DEFAULT);
}
