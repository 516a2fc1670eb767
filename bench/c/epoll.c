// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

#include "peer.h"
#include <errno.h>
#include <sys/epoll.h>

static int epfd;

void loop_init(void) {
	epfd = epoll_create1(EPOLL_CLOEXEC);
	check(epfd >= 0, "epoll_create1");
}

static void control(int op, struct conn *c, unsigned events) {
	struct epoll_event e = {.events = events, .data.ptr = c};
	check(epoll_ctl(epfd, op, c->fd, &e) == 0, "epoll_ctl");
}

void loop_add(struct conn *c) { control(EPOLL_CTL_ADD, c, EPOLLIN); }

void loop_modify(struct conn *c, int events) {
	control(EPOLL_CTL_MOD, c, (events & READ ? EPOLLIN : 0) | (events & WRITE ? EPOLLOUT : 0) |
		(events & HANGUP ? EPOLLRDHUP : 0) | (events & ONCE ? EPOLLONESHOT : 0));
}

void loop_remove(struct conn *c) { control(EPOLL_CTL_DEL, c, 0); }

void loop_flush(void) {}

void loop_run(void) {
	struct epoll_event events[1024];
	for (stop = 0; !stop;) {
		int n = epoll_wait(epfd, events, 1024, -1);
		check(n >= 0 || errno == EINTR, "epoll_wait");
		for (int i = 0; i < n; i++)
			handle(events[i].data.ptr);
	}
}
