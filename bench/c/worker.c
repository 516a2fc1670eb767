// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

/* The workloads, the same as worker.go has:  <program> <work> <ms> [<n> [<a>]] */

#define _GNU_SOURCE
#include "peer.h"
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void (*handle)(struct conn *);
int stop;

void check(int ok, const char *what) {
	if (!ok) {
		perror(what);
		exit(1);
	}
}

enum { CHUNK = 10000 };

static double now(clockid_t id) {
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static double measure_for(double ns, clockid_t id, long (*step)(void)) {
	double start = now(id), spent;
	long n = 0;
	do {
		n += step();
		spent = now(id) - start;
	} while (spent < ns);
	return spent / n;
}

static double measure(double ns, clockid_t id, long (*step)(void)) {
	measure_for(ns / 5, id, step);
	return measure_for(ns, id, step);
}

/* Measured is processor time, but where somebody sleeps. */
static const clockid_t CPU = CLOCK_PROCESS_CPUTIME_ID, WALL = CLOCK_MONOTONIC;

static long events, goal;
static char buf[4096];
static struct conn *conns;
static int n, a;

static void counted(void) {
	if (++events >= goal)
		stop = 1;
}

static long run_chunk(void) {
	events = 0;
	goal = CHUNK;
	loop_run();
	return events;
}

static void ring(int count) {
	conns = calloc(count, sizeof *conns);
	for (int i = 0; i < count; i++) {
		int p[2];
		check(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
		conns[i].fd = p[0];
		conns[(i + count - 1) % count].out = p[1];
	}
}

static void eventfds(int count, int ready) {
	conns = calloc(count, sizeof *conns);
	for (int i = 0; i < count; i++) {
		conns[i].fd = eventfd(i < ready, EFD_NONBLOCK | EFD_CLOEXEC);
		check(conns[i].fd >= 0, "eventfd");
	}
}

static void add_all(int from, int count) {
	for (int i = from; i < count; i++)
		loop_add(&conns[i]);
}

static void remove_all(int count) {
	for (int i = 0; i < count; i++)
		loop_remove(&conns[i]);
}

static void pass_on(struct conn *c) {
	check(read(c->fd, buf, 1) == 1, "read");
	check(write(c->out, buf, 1) == 1, "write");
	counted();
}

static void activate(void) {
	for (int i = 0; i < a; i++)
		check(write(conns[(long)i * n / a].out, buf, 1) == 1, "write");
}

static void pipes(double ns) {
	handle = pass_on;
	ring(n);
	add_all(0, n);
	activate();
	printf("%f\n", measure(ns, CPU, run_chunk));
}

static int resting, armed;

static void pass_on_and_arm(struct conn *c) {
	if (resting)
		loop_modify(c, resting);
	pass_on(c);
	loop_modify(c, armed);
}

static double once_cost(double ns, int resting_events, int armed_events) {
	resting = resting_events;
	armed = armed_events;
	for (int i = 0; i < n; i++)
		loop_modify(&conns[i], armed);
	return measure(ns, CPU, run_chunk);
}

static void once(double ns) {
	handle = pass_on_and_arm;
	ring(n);
	add_all(0, n);
	activate();
	double by_once = once_cost(ns, 0, READ | ONCE);
	printf("%f %f\n", by_once, once_cost(ns, HANGUP, READ));
}

static void count(struct conn *c) {
	(void)c;
	counted();
}

static void ready(double ns) {
	handle = count;
	eventfds(n, n);
	add_all(0, n);
	printf("%f\n", measure(ns, CPU, run_chunk));
}

static void idle(double ns) {
	handle = count;
	eventfds(n + 1, 1);
	add_all(0, n + 1);
	printf("%f\n", measure(ns, CPU, run_chunk));
}

enum { SOME = 100 };

static long registrations(void) {
	for (int i = 0; i < CHUNK / SOME; i++) {
		add_all(0, SOME);
		loop_flush();
		remove_all(SOME);
		loop_flush();
	}
	return CHUNK;
}

static long modifications(void) {
	for (int i = 0; i < CHUNK / SOME; i++) {
		for (int j = 0; j < SOME; j++)
			loop_modify(&conns[j], i % 2 ? READ : READ | WRITE);
		loop_flush();
	}
	return CHUNK;
}

static void change(double ns) {
	handle = count;
	ring(n + SOME);
	add_all(SOME, n + SOME);
	loop_flush();
	double cost = measure(ns, CPU, registrations);
	add_all(0, SOME);
	loop_flush();
	printf("%f %f\n", cost, measure(ns, CPU, modifications));
}

/* The answer of a turn starts the next one. */
static void turn(struct conn *c) {
	check(read(c->fd, buf, 1) == 1, "read");
	check(write(c->fd, buf, 1) == 1, "write");
	counted();
}

static long turns(void) {
	events = 0;
	goal = 100;
	loop_run();
	return events;
}

static void pingpong(double ns) {
	handle = turn;
	conns = calloc(1, sizeof *conns);
	conns->fd = 3;
	check(fcntl(3, F_SETFL, O_NONBLOCK) == 0, "fcntl");
	loop_add(conns);
	check(write(3, buf, 1) == 1, "write");
	printf("%f\n", measure(ns, WALL, turns));
}

static struct conn listener;

static void serve(struct conn *c) {
	if (c == &listener) {
		struct conn *new = calloc(1, sizeof *new);
		new->fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		check(new->fd >= 0, "accept4");
		check(setsockopt(new->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0, "setsockopt");
		loop_add(new);
		return;
	}
	ssize_t got = read(c->fd, buf, sizeof buf);
	if (got <= 0) {
		loop_remove(c);
		close(c->fd);
		free(c);
		return;
	}
	check(write(c->fd, buf, got) == got, "write");
}

static void server(double ns) {
	(void)ns;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof addr;
	handle = serve;
	listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	check(bind(listener.fd, (struct sockaddr *)&addr, len) == 0, "bind");
	check(listen(listener.fd, 4096) == 0, "listen");
	check(getsockname(listener.fd, (struct sockaddr *)&addr, &len) == 0, "getsockname");
	printf("%d\n", ntohs(addr.sin_port));
	fflush(stdout);
	loop_add(&listener);
	loop_run();
}

static double resident(void) {
	char line[256];
	double kB = 0;
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	check(f != NULL, "smaps_rollup");
	while (fgets(line, sizeof line, f) && sscanf(line, "Rss: %lf", &kB) != 1)
		;
	fclose(f);
	return kB * 1024;
}

static void drain(struct conn *c) {
	check(read(c->fd, buf, 8) == 8, "read");
	stop = 1;
}

static long wakes(void) {
	static uint64_t random = 1;
	uint64_t one = 1;
	for (int i = 0; i < CHUNK; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		check(write(conns[(random >> 33) % n].fd, &one, 8) == 8, "write");
		loop_run();
	}
	return CHUNK;
}

static double heap_bytes(void) {
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static void many(double ns) {
	handle = drain;
	eventfds(n, 0);
	double bytes = resident(), heap = heap_bytes();
	double added = 0, wake = 0, removed = 0;
	int times = n < 20000 ? 20000 / n : 1; /* with a new loop each time */
	for (int i = 0; i < times; i++) {
		if (i > 0)
			loop_init();
		double start = now(CPU);
		add_all(0, n);
		loop_flush();
		added += now(CPU) - start;
		if (i == 0) {
			heap = heap_bytes() - heap;
			bytes = resident() - bytes;
			wake = measure(ns, CPU, wakes);
		}
		start = now(CPU);
		remove_all(n);
		loop_flush();
		removed += now(CPU) - start;
	}
	printf("%f %f %f %f %f\n", added / n / times, wake, removed / n / times, heap / n, bytes / n);
}

static const struct {
	const char *name;
	void (*run)(double ns);
} works[] = {
	{"pipes", pipes}, {"ready", ready}, {"idle", idle}, {"change", change},
	{"pingpong", pingpong}, {"server", server}, {"many", many},
	{"once", once},
};

int main(int argc, char **argv) {
	double ns = argc > 2 ? atof(argv[2]) * 1e6 : 0;
	n = argc > 3 ? atoi(argv[3]) : 0;
	a = argc > 4 ? atoi(argv[4]) : 0;
	loop_init();
	for (size_t i = 0; argc > 1 && i < sizeof works / sizeof *works; i++)
		if (strcmp(works[i].name, argv[1]) == 0) {
			works[i].run(ns);
			return 0;
		}
	fprintf(stderr, "no such work\n");
	return 2;
}
