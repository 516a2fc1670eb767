# Copyright (c) 2026 The selectors authors. All rights reserved.
# Use of this source code is governed by a BSD-style license that can be
# found in the LICENSE file.

"""The workloads, the same as worker.go has:  worker.py <work> <ms> [<n> [<a>]]"""

import gc
import os
import random
import selectors
import socket
import sys
import time
from selectors import EVENT_READ, EVENT_WRITE

CHUNK = 10000

sel = selectors.DefaultSelector()


def measure(ns, clock, step):
    """Return what an event costs; the first steps warm up."""
    for duration in (ns / 5, ns):
        start, n, spent = clock(), 0, 0
        while spent < duration:
            n += step()
            spent = clock() - start
    return spent / n


def ring(n):
    conns = [os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) for _ in range(n)]
    return [(conns[i][0], conns[(i + 1) % n][1]) for i in range(n)]


def pipes(ns, n, a):
    conns = ring(n)
    for fd, out in conns:
        sel.register(fd, EVENT_READ, out)
    for i in range(a):
        os.write(conns[i * n // a][1], b"x")

    def step():
        events = 0
        while events < CHUNK:
            for key, _ in sel.select():
                os.read(key.fd, 1)
                os.write(key.data, b"x")
                events += 1
        return events

    return (measure(ns, time.process_time_ns, step),)


def eventfds(n, count):
    return [os.eventfd(count, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(n)]


def ready(ns, n, a):
    for fd in eventfds(n, 1):
        sel.register(fd, EVENT_READ)

    def step():
        events = 0
        while events < CHUNK:
            for key, _ in sel.select():
                events += 1
        return events

    return (measure(ns, time.process_time_ns, step),)


def idle(ns, n, a):
    for fd in eventfds(n, 0):
        sel.register(fd, EVENT_READ)
    return ready(ns, 1, 0)


def change(ns, n, a):
    some = 100
    conns = ring(n + some)
    for fd, _ in conns[some:]:
        sel.register(fd, EVENT_READ)
    conns = conns[:some]

    def register():
        for _ in range(CHUNK // some):
            for fd, _ in conns:
                sel.register(fd, EVENT_READ)
            for fd, _ in conns:
                sel.unregister(fd)
        return CHUNK

    def modify():
        for i in range(CHUNK // some):
            for fd, _ in conns:
                sel.modify(fd, EVENT_READ if i % 2 else EVENT_READ | EVENT_WRITE)
        return CHUNK

    cost = measure(ns, time.process_time_ns, register)
    for fd, _ in conns:
        sel.register(fd, EVENT_READ)
    return cost, measure(ns, time.process_time_ns, modify)


def pingpong(ns, n, a):
    os.set_blocking(3, False)
    sel.register(3, EVENT_READ)

    def step():
        for _ in range(100):
            os.write(3, b"x")
            for key, _ in sel.select():
                os.read(key.fd, 1)
        return 100

    return (measure(ns, time.monotonic_ns, step),)


def server(ns, n, a):
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(listener.getsockname()[1], flush=True)
    sel.register(listener, EVENT_READ)
    while True:
        for key, _ in sel.select():
            if key.fileobj is listener:
                conn, _ = listener.accept()
                conn.setblocking(False)
                conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sel.register(conn, EVENT_READ)
                continue
            data = key.fileobj.recv(4096)
            if data:
                key.fileobj.send(data)
            else:
                sel.unregister(key.fileobj)
                key.fileobj.close()


def resident():
    with open("/proc/self/smaps_rollup") as f:
        for line in f:
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024


def many(ns, n, a):
    fds = eventfds(n, 0)
    gc.collect()
    memory = resident()

    def step():
        for _ in range(CHUNK):
            os.eventfd_write(random.choice(fds), 1)
            for key, _ in sel.select():
                os.eventfd_read(key.fd)
        return CHUNK

    register = unregister = 0
    times = max(20000 // n, 1)  # with a new selector each time
    for i in range(times):
        sel = selectors.DefaultSelector()
        start = time.process_time_ns()
        for fd in fds:
            sel.register(fd, EVENT_READ)
        register += time.process_time_ns() - start
        if i == 0:
            memory = resident() - memory
            wake = measure(ns, time.process_time_ns, step)
        start = time.process_time_ns()
        for fd in fds:
            sel.unregister(fd)
        unregister += time.process_time_ns() - start
    return register / n / times, wake, unregister / n / times, float("nan"), memory / n


work, ns, n, a = sys.argv[1], int(sys.argv[2]) * 1_000_000, int(sys.argv[3]), int(sys.argv[4])
print(*globals()[work](ns, n, a))
