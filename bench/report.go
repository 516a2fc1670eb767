// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

//go:build linux

package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// results are what a run has found.
type results struct {
	Machine      string
	Milliseconds int // of each sample
	Rounds       int
	LeftOut      []string
	Series       []*series
}

// A series has the values of one metric of one peer in one cell, by round.
type series struct {
	Work, Title, Cell, Metric, Unit string
	More                            bool // is better
	Peer                            string
	Values                          []float64
}

func (r *results) leaveOut(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	r.LeftOut = append(r.LeftOut, s)
	fmt.Fprintf(os.Stderr, "left out: %s\n", s)
}

func (r *results) add(w *workload, c cell, peer string, values []float64) {
	for i, m := range w.metrics {
		if math.IsNaN(values[i]) {
			continue // the peer can't tell
		}
		s := r.find(w.name, c.label, m.name, peer)
		if s == nil {
			s = &series{w.name, w.title, c.label, m.name, m.unit, m.more, peer, nil}
			r.Series = append(r.Series, s)
		}
		s.Values = append(s.Values, values[i]*m.factor)
	}
}

func (r *results) find(work, cell, metric, peer string) *series {
	for _, s := range r.Series {
		if s.Work == work && s.Cell == cell && s.Metric == metric && s.Peer == peer {
			return s
		}
	}
	return nil
}

// values works on nil, which is what find returns where there is nothing.
func (s *series) values() []float64 {
	if s == nil {
		return nil
	}
	return s.Values
}

// ratios returns ours / theirs, round by round.
func ratios(ours, theirs []float64) (list []float64) {
	for i := range min(len(ours), len(theirs)) {
		list = append(list, ours[i]/theirs[i])
	}
	return list
}

// median returns the median, and half of the distance between the quartiles.
func median(list []float64) (m, spread float64) {
	list = slices.Sorted(slices.Values(list))
	at := func(q float64) float64 {
		pos := q * float64(len(list)-1)
		i := int(pos)
		if i == len(list)-1 {
			return list[i]
		}
		return list[i] + (list[i+1]-list[i])*(pos-float64(i))
	}
	return at(.5), (at(.75) - at(.25)) / 2
}

// report is a table for each metric of each workload: a line for each peer, a
// column for each cell.
func report(r *results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d rounds of %d ms\n", r.Machine, r.Rounds, r.Milliseconds)
	fmt.Fprintf(&b, "In each column: the peer's median, what selectors takes of it (below 1.00: selectors takes less), half of the quartiles' distance.\n")
	for _, line := range r.LeftOut {
		fmt.Fprintf(&b, "left out: %s\n", line)
	}
	for _, t := range r.tables() {
		fmt.Fprintf(&b, "\n%s\n", t.title())
		fmt.Fprintf(&b, "%-14s", "")
		for _, cell := range t.cells {
			fmt.Fprintf(&b, "%24s", cell)
		}
		b.WriteByte('\n')
		for _, peer := range t.peers {
			fmt.Fprintf(&b, "%-14s", peer)
			for _, cell := range t.cells {
				ours, theirs := r.find(t.Work, cell, t.Metric, peers[0].name), r.find(t.Work, cell, t.Metric, peer)
				entry := "-"
				if theirs != nil {
					absolute, _ := median(theirs.Values)
					entry = figure(absolute)
					if ours != nil && ours != theirs && absolute > 0 {
						m, spread := median(ratios(ours.Values, theirs.Values))
						entry += fmt.Sprintf("  %5.2f ±%.2f", m, spread)
					} else {
						entry += strings.Repeat(" ", 13)
					}
				}
				fmt.Fprintf(&b, "%s%s", strings.Repeat(" ", max(24-len([]rune(entry)), 1)), entry)
			}
			b.WriteByte('\n')
		}
	}
	b.WriteString(verdicts(r))
	return b.String()
}

func figure(f float64) string {
	if f < 100 {
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

// A table has all series of one metric. The embedded one is any of them.
type table struct {
	*series
	cells, peers []string
}

func (t *table) title() string {
	s := fmt.Sprintf("%s: %s, %s", t.Title, t.Metric, t.Unit)
	if t.More {
		s += " (more is better)"
	}
	return s
}

// tables are in the order of the workloads, and their peers in that of peers.
func (r *results) tables() (list []*table) {
	for _, s := range r.Series {
		i := slices.IndexFunc(list, func(t *table) bool { return t.Work == s.Work && t.Metric == s.Metric })
		if i < 0 {
			i = len(list)
			list = append(list, &table{series: s})
		}
		t := list[i]
		if !slices.Contains(t.cells, s.Cell) {
			t.cells = append(t.cells, s.Cell)
		}
	}
	for _, t := range list {
		for _, p := range peers {
			if slices.ContainsFunc(r.Series, func(s *series) bool { return s.Work == t.Work && s.Metric == t.Metric && s.Peer == p.name }) {
				t.peers = append(t.peers, p.name)
			}
		}
	}
	return list
}

// A target is what must be reached: in every cell whose label has the given
// text, a median is at most limit; without one it is only stated. It is of our
// figure, of its ratio to that of peer if there is one, and then of the ratio of
// that to what it is for the metric or in the cell named by to, if there is one.
type target struct {
	text               string
	of                 string // whose figure it is, if not our own loop's that reads and writes by package unix
	work, metric, cell string
	peer               string
	to                 place
	limit              float64
}

var targets = []target{
	{text: "(1) an event beside the hand-written loop", work: "pipes", metric: "event", peer: "go-slice", limit: 1.05},
	{text: "(1) an event with TryRead and TryWrite beside epoll in C", of: "selectors-try", work: "pipes", metric: "event", peer: "epoll-c"},
	{text: "(1) an event of the hand-written loop beside epoll in C", of: "go-slice", work: "pipes", metric: "event", peer: "epoll-c"},
	{text: "(2) an event beside libev", work: "ready", metric: "event", peer: "libev", limit: 1.03},
	{text: "(3) a wait beside the hand-written loop", work: "idle", metric: "wait", peer: "go-slice", limit: 1.10},
	{text: "(3) a wait beside libev", work: "idle", metric: "wait", peer: "libev", limit: 0.95},
	{text: "(3) a wait beside one with 100 idle", work: "idle", metric: "wait", to: place{cell: "N=100"}, limit: 1.10},
	{text: "(4) register + unregister beside the hand-written loop with a map", work: "change", metric: "register+unregister", peer: "go-map", limit: 1.20},
	{text: "(4) modify beside the hand-written loop with a map", work: "change", metric: "modify", peer: "go-map", limit: 1.35},
	{text: "(5) ping-pong beside the hand-written loop", work: "pingpong", metric: "turn", peer: "go-slice", limit: 1.30},
	{text: "(5) ping-pong beside net", work: "pingpong", metric: "turn", peer: "net", limit: 1.10},
	{text: "(5) ping-pong with TryRead and TryWrite beside net", of: "selectors-try", work: "pingpong", metric: "turn", peer: "net"},
	{text: "(5) a computing goroutine is slowed to", work: "compute", metric: "slowed to", limit: 1.5},
	{text: "(5) a napping goroutine's delay beside it / alone", work: "nap", metric: "beside", to: place{metric: "alone"}, limit: 1},
	{text: "(6) processor time per request beside epoll in C", work: "echo", metric: "processor time per request", cell: "A=100", peer: "epoll-c", limit: 1.2},
	{text: "(6) the same, with TryRead and TryWrite", of: "selectors-try", work: "echo", metric: "processor time per request", cell: "A=100", peer: "epoll-c", limit: 1.05},
	{text: "(6) processor time per request beside net", work: "echo", metric: "processor time per request", peer: "net", limit: 1},
	{text: "(6) processor time per request beside CPython", work: "echo", metric: "processor time per request", peer: "python", limit: 1},
	{text: "(7) resident bytes of an idle connection", work: "memory", metric: "connection", limit: 400},
	{text: "(8) heap bytes of a registration", work: "many", metric: "heap", limit: 120},
	{text: "(8) time of a registration beside the hand-written loop's, to that of 1,000", work: "many", metric: "register", peer: "go-slice", to: place{cell: "N=1000"}, limit: 1.10},
	{text: "(9) an event with 64 waits, to that with one", work: "shared", metric: "wall time", cell: "N=64 alone", to: place{cell: "N=1 alone"}, limit: 1.5},
	{text: "(9) the same, beside churn", work: "shared", metric: "wall time", cell: "N=64 beside", to: place{cell: "N=1 beside churn"}, limit: 1.5},
	{text: "(9) the same, the events from outside", work: "shared", metric: "wall time", cell: "N=64 outside", to: place{cell: "N=1 outside"}, limit: 1.5},
	{text: "(9) wake-ups for an event", work: "shared", metric: "wake-ups", limit: 2},
	{text: "(10) an event by EventOnce, to one by hand", work: "once", metric: "by EventOnce", to: place{metric: "by hand"}},
	{text: "(10) an event by EventOnce beside the hand-written loop", work: "once", metric: "by EventOnce", peer: "go-slice"},
	{text: "(10) an event by EventOnce beside epoll in C", work: "once", metric: "by EventOnce", peer: "epoll-c"},
}

// A place is a metric or a cell of the same workload.
type place struct{ metric, cell string }

// verdicts says of each target what the worst cell is.
func verdicts(r *results) string {
	var b strings.Builder
	for _, t := range targets {
		worst, where := 0.0, ""
		for _, s := range r.Series {
			if s.Work != t.work || s.Metric != t.metric || s.Peer != cmp.Or(t.of, peers[0].name) || !strings.Contains(s.Cell, t.cell) {
				continue
			}
			list := t.values(r, s.Metric, s.Cell)
			if t.to != (place{}) {
				list = ratios(list, t.values(r, cmp.Or(t.to.metric, s.Metric), cmp.Or(t.to.cell, s.Cell)))
			}
			if len(list) == 0 {
				continue
			}
			if m, _ := median(list); m >= worst {
				worst, where = m, s.Cell
			}
		}
		switch {
		case where == "":
		case t.limit == 0:
			fmt.Fprintf(&b, "%14.2f%17s  %s  [%s]\n", worst, "", t.text, where)
		default:
			fmt.Fprintf(&b, "%-6s %7.2f of at most %7.2f  %s  [%s]\n", pick(worst <= t.limit, "met", "MISSED"), worst, t.limit, t.text, where)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\nWhat must be reached, the worst cell of each:\n" + b.String()
}

func (t *target) values(r *results, metric, cell string) []float64 {
	ours := r.find(t.work, cell, metric, cmp.Or(t.of, peers[0].name))
	if t.peer == "" || ours == nil {
		return ours.values()
	}
	return ratios(ours.values(), r.find(t.work, cell, metric, t.peer).values())
}

// machine says what this was measured on.
func machine() string {
	var u unix.Utsname
	check(unix.Uname(&u))
	model := "unknown CPU"
	b, _ := os.ReadFile("/proc/cpuinfo")
	if _, rest, ok := strings.Cut(string(b), "model name\t: "); ok {
		model = firstLine(rest)
	}
	return fmt.Sprintf("%s, %d CPUs, Linux %s, %s", model, runtime.NumCPU(), unix.ByteSliceToString(u.Release[:]), runtime.Version())
}
