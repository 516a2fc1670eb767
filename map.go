// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"iter"
	"slices"
)

// An entry is one registration.
type entry struct {
	key    *SelectorKey // nil if the entry is free; its fields may have been written to by a caller
	obj    *object      // of the key's file object, nil if there is no need to find it by that
	gen    uint64       // tells this registration from others of the same number
	events EventMask    // those of key, without a detour through its memory; EventOnce alone while it rests
	pos    uint32       // the backend's
}

// rests reports whether a key with EventOnce was told of, and not armed again.
func (e *entry) rests() bool { return e.events == EventOnce }

// An object is a file object that is no number and can be compared. It keeps the
// descriptors under which it is registered, the oldest one first: it had more
// than one if its connection was made anew.
type object struct {
	fileobj any
	fds     []int
}

// A table finds registrations by descriptor. Descriptors are small numbers,
// given out from the lowest free one up, so the descriptor is the index, and
// the entries lie in pages: the table grows without moving anything, an entry
// stays where it is as long as it is registered, and a high descriptor alone
// costs one page. A page that gets empty is given up, but for one.
type table struct {
	pages []*page
	first uint // the number of the first page
	spare *page
	n     int
	once  int // registrations with EventOnce

	objects map[any]*object
}

const pageSize = 8

type page [pageSize]entry

// find returns the entry of a descriptor, nil if it has none.
func (t *table) find(fd int) *entry {
	slot := uint(fd) >> slotShift
	i := slot/pageSize - t.first
	if i >= uint(len(t.pages)) {
		return nil
	}
	p := t.pages[i]
	if p == nil {
		return nil
	}
	if e := &p[slot%pageSize]; e.key != nil {
		return e
	}
	return nil
}

// insert copies e into the table. The descriptor exists, since the backend
// has taken it: a number out of the blue could ask for any amount of memory.
func (t *table) insert(fd int, e *entry) {
	slot := uint(fd) >> slotShift
	number := slot / pageSize
	switch {
	case len(t.pages) == 0:
		t.first = number
	case number < t.first:
		t.pages = slices.Insert(t.pages, 0, make([]*page, t.first-number)...)
		t.first = number
	}
	for uint(len(t.pages)) <= number-t.first {
		t.pages = append(t.pages, nil)
	}
	p := &t.pages[number-t.first]
	if *p == nil {
		if t.spare == nil {
			t.spare = new(page)
		}
		*p, t.spare = t.spare, nil
	}
	(*p)[slot%pageSize] = *e
	t.n++
	t.countOnce(0, e.events)
}

// remove takes the entry of a descriptor out.
func (t *table) remove(fd int) {
	slot := uint(fd) >> slotShift
	p := &t.pages[slot/pageSize-t.first]
	e := &(*p)[slot%pageSize]
	if o := e.obj; o != nil {
		o.fds = slices.DeleteFunc(o.fds, func(n int) bool { return n == fd })
		if len(o.fds) == 0 {
			delete(t.objects, o.fileobj)
		}
	}
	t.countOnce(e.events, 0)
	*e = entry{}
	t.n--
	for i := range *p {
		if (*p)[i].key != nil {
			return
		}
	}
	*p, t.spare = nil, *p
}

// countOnce notes that a registration's events have changed.
func (t *table) countOnce(old, events EventMask) {
	t.once += int(events&EventOnce/EventOnce) - int(old&EventOnce/EventOnce)
}

// name makes an object known by its identity.
func (t *table) name(fileobj any, fd int) *object {
	o := t.objects[fileobj]
	if o == nil {
		if t.objects == nil {
			t.objects = make(map[any]*object)
		}
		o = &object{fileobj: fileobj}
		t.objects[fileobj] = o
	}
	o.fds = append(o.fds, fd)
	return o
}

// byIdentity returns the descriptor by which an object was registered first of those
// that are left, or the error if there is none.
func (t *table) byIdentity(fileobj any, err error) (int, error) {
	if o := t.objects[fileobj]; o != nil {
		return o.fds[0], nil
	}
	return 0, err
}

// next returns the first entry at or after a slot, and its slot.
func (t *table) next(slot int) (int, *entry) {
	first := int(t.first) * pageSize
	for slot = max(slot, first); slot < first+len(t.pages)*pageSize; slot++ {
		p := t.pages[(slot-first)/pageSize]
		if p == nil {
			slot |= pageSize - 1
		} else if e := &p[slot%pageSize]; e.key != nil {
			return slot, e
		}
	}
	return slot, nil
}

// A Map is a live read-only view of a selector's registrations, in no promised
// order. It is empty once the selector is closed. Every method works on a nil
// *Map and on a zero Map, and may be called from any goroutine.
type Map struct{ s *core }

// GetMap returns a live view of the registrations; see [Selector.GetMap].
func (s *core) GetMap() *Map {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return nil
	}
	return &s.view
}

// Len returns the number of registrations.
func (m *Map) Len() int {
	if m == nil || m.s == nil {
		return 0
	}
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	return m.s.table.n
}

// Get returns the key of a file object, as [Selector.GetKey] does.
func (m *Map) Get(fileobj any) (*SelectorKey, bool) {
	if m == nil || m.s == nil {
		return nil, false
	}
	key, err := m.s.GetKey(fileobj)
	return key, err == nil
}

// All yields every registration's descriptor and key. The body of the loop may
// call any method of the selector: a key that is there throughout is yielded
// once, one that is added or removed meanwhile once or not at all.
func (m *Map) All() iter.Seq2[int, *SelectorKey] {
	return func(yield func(int, *SelectorKey) bool) {
		for key := range m.Values() {
			if !yield(key.FD, key) {
				return
			}
		}
	}
}

// Keys yields the descriptors, as [Map.All] does.
func (m *Map) Keys() iter.Seq[int] {
	return func(yield func(int) bool) {
		for key := range m.Values() {
			if !yield(key.FD) {
				return
			}
		}
	}
}

// Values yields the keys, as [Map.All] does.
func (m *Map) Values() iter.Seq[*SelectorKey] {
	return func(yield func(*SelectorKey) bool) {
		if m == nil || m.s == nil {
			return
		}
		for slot := 0; ; slot++ {
			var key *SelectorKey
			m.s.mu.Lock()
			found, e := m.s.table.next(slot)
			if e != nil {
				slot, key = found, e.key
			}
			m.s.mu.Unlock()
			if key == nil || !yield(key) {
				return
			}
		}
	}
}
