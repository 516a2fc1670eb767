// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//! The workloads, the same as worker.go has:  mio-peer <work> <ms> <n> <a>
//!
//! mio is edge-triggered: nothing stays ready, and what is ready must be read
//! until nothing is left. A read that comes back short says so as well.

use mio::{unix::SourceFd, Events, Interest, Poll, Token};
use std::io::{self, Error};
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};

const CHUNK: usize = 10000;

fn clock(id: libc::clockid_t) -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(id, &mut t) };
    t.tv_sec as f64 * 1e9 + t.tv_nsec as f64
}

fn processor_time() -> f64 {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn wall_time() -> f64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// What an event costs; the first steps warm up.
fn measure(ns: f64, clock: fn() -> f64, mut step: impl FnMut() -> usize) -> f64 {
    let mut run = |ns: f64| {
        let (start, mut n) = (clock(), 0);
        loop {
            n += step();
            let spent = clock() - start;
            if spent >= ns {
                return spent / n as f64;
            }
        }
    };
    run(ns / 5.0);
    run(ns)
}

fn check(result: i64) -> i64 {
    if result < 0 {
        panic!("{}", Error::last_os_error());
    }
    result
}

fn read(fd: RawFd, b: &mut [u8]) -> usize {
    check(unsafe { libc::read(fd, b.as_mut_ptr().cast(), b.len()) } as i64) as usize
}

fn write(fd: RawFd, b: &[u8]) {
    check(unsafe { libc::write(fd, b.as_ptr().cast(), b.len()) } as i64);
}

struct Loop {
    poll: Poll,
    events: Events,
}

impl Loop {
    fn new() -> Loop {
        Loop { poll: Poll::new().unwrap(), events: Events::with_capacity(1024) }
    }

    fn add(&self, fd: RawFd, token: usize) {
        self.poll.registry().register(&mut SourceFd(&fd), Token(token), Interest::READABLE).unwrap();
    }

    fn modify(&self, fd: RawFd, token: usize, interest: Interest) {
        self.poll.registry().reregister(&mut SourceFd(&fd), Token(token), interest).unwrap();
    }

    fn remove(&self, fd: RawFd) {
        self.poll.registry().deregister(&mut SourceFd(&fd)).unwrap();
    }

    fn wait(&mut self) -> &Events {
        while let Err(e) = self.poll.poll(&mut self.events, None) {
            assert_eq!(e.kind(), io::ErrorKind::Interrupted);
        }
        &self.events
    }
}

/// The descriptors to read from, and for each where to write.
fn ring(n: usize) -> Vec<(RawFd, RawFd)> {
    let pipes: Vec<_> = (0..n)
        .map(|_| {
            let mut p = [0; 2];
            check(unsafe { libc::pipe2(p.as_mut_ptr(), libc::O_NONBLOCK | libc::O_CLOEXEC) } as i64);
            p
        })
        .collect();
    (0..n).map(|i| (pipes[i][0], pipes[(i + 1) % n][1])).collect()
}

fn pipes(ns: f64, n: usize, a: usize) -> Vec<f64> {
    let (mut l, conns, mut b) = (Loop::new(), ring(n), [0; 1]);
    for (i, c) in conns.iter().enumerate() {
        l.add(c.0, i);
    }
    for i in 0..a {
        write(conns[i * n / a].1, &b);
    }
    let cost = measure(ns, processor_time, || {
        let mut events = 0;
        while events < CHUNK {
            for event in l.wait() {
                let (fd, out) = conns[event.token().0];
                while unsafe { libc::read(fd, b.as_mut_ptr().cast(), 1) } == 1 {
                    write(out, &b);
                    events += 1;
                }
            }
        }
        events
    });
    vec![cost]
}

fn change(ns: f64, n: usize) -> Vec<f64> {
    const SOME: usize = 100;
    let (l, conns) = (Loop::new(), ring(n + SOME));
    for (i, c) in conns.iter().enumerate().skip(SOME) {
        l.add(c.0, i);
    }
    let some = &conns[..SOME];
    let register = measure(ns, processor_time, || {
        for _ in 0..CHUNK / SOME {
            for (i, c) in some.iter().enumerate() {
                l.add(c.0, i);
            }
            for c in some {
                l.remove(c.0);
            }
        }
        CHUNK
    });
    for (i, c) in some.iter().enumerate() {
        l.add(c.0, i);
    }
    let modify = measure(ns, processor_time, || {
        for round in 0..CHUNK / SOME {
            let mut interest = Interest::READABLE;
            if round % 2 == 0 {
                interest |= Interest::WRITABLE;
            }
            for (i, c) in some.iter().enumerate() {
                l.modify(c.0, i, interest);
            }
        }
        CHUNK
    });
    vec![register, modify]
}

fn pingpong(ns: f64) -> Vec<f64> {
    let (mut l, mut b) = (Loop::new(), [0; 64]);
    check(unsafe { libc::fcntl(3, libc::F_SETFL, libc::O_NONBLOCK) } as i64);
    l.add(3, 3);
    let cost = measure(ns, wall_time, || {
        for _ in 0..100 {
            write(3, &b[..1]);
            for _ in l.wait() {
                read(3, &mut b);
            }
        }
        100
    });
    vec![cost]
}

fn server() -> Vec<f64> {
    let (mut l, mut b) = (Loop::new(), [0; 4096]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    check(unsafe { libc::listen(listener.as_raw_fd(), 4096) } as i64);
    listener.set_nonblocking(true).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let listening = listener.as_raw_fd() as usize;
    l.add(listener.as_raw_fd(), listening);
    loop {
        let mut new = Vec::new();
        let mut gone = Vec::new();
        for event in l.wait() {
            let token = event.token().0;
            if token == listening {
                while let Ok((conn, _)) = listener.accept() {
                    conn.set_nonblocking(true).unwrap();
                    conn.set_nodelay(true).unwrap();
                    new.push(conn.into_raw_fd());
                }
                continue;
            }
            let got = read(token as RawFd, &mut b);
            if got == 0 {
                gone.push(token as RawFd);
            } else {
                write(token as RawFd, &b[..got]);
            }
        }
        for fd in new {
            l.add(fd, fd as usize);
        }
        for fd in gone {
            l.remove(fd);
            check(unsafe { libc::close(fd) } as i64);
        }
    }
}

fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = text.lines().find(|line| line.starts_with("Rss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

fn many(ns: f64, n: usize) -> Vec<f64> {
    let (mut b, mut random) = ([0; 8], 1u64);
    let fds: Vec<RawFd> = (0..n)
        .map(|_| check(unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) } as i64) as RawFd)
        .collect();
    let mut memory = resident();
    let (mut added, mut wake, mut removed) = (0.0, 0.0, 0.0);
    let times = std::cmp::max(20000 / n, 1); // with a new loop each time
    for i in 0..times {
        let mut l = Loop::new();
        let start = processor_time();
        for (i, fd) in fds.iter().enumerate() {
            l.add(*fd, i);
        }
        added += processor_time() - start;
        if i == 0 {
            memory = resident() - memory;
            wake = measure(ns, processor_time, || {
                for _ in 0..CHUNK {
                    random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    write(fds[(random >> 33) as usize % n], &1u64.to_ne_bytes());
                    for event in l.wait() {
                        read(fds[event.token().0], &mut b);
                    }
                }
                CHUNK
            });
        }
        let start = processor_time();
        for fd in &fds {
            l.remove(*fd);
        }
        removed += processor_time() - start;
    }
    let all = (n * times) as f64;
    vec![added / all, wake, removed / all, f64::NAN, memory / n as f64]
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |i: usize| args[i].parse::<usize>().unwrap();
    let (ns, n, a) = (number(2) as f64 * 1e6, number(3), number(4));
    let result = match args[1].as_str() {
        "pipes" => pipes(ns, n, a),
        "change" => change(ns, n),
        "pingpong" => pingpong(ns),
        "server" => server(),
        "many" => many(ns, n),
        work => panic!("no such work: {work}"),
    };
    let words: Vec<String> = result.iter().map(f64::to_string).collect();
    println!("{}", words.join(" "));
}
