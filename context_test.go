// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

package selectors

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestSelectContextWaitsUntilSomethingIsReady(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for _, ctx := range []context.Context{context.Background(), ctx} {
			a, b := tcpPair(t)
			key := register(t, s, a, EventRead, nil)
			c := start(s, func() ([]Ready, error) { return s.SelectContext(ctx) })
			stillBlocked(t, c)
			send(t, b)
			wants(t, end(t, c), Ready{key, EventRead})
			wants(t, end(t, start(s, func() ([]Ready, error) { return s.SelectContext(ctx) })), Ready{key, EventRead})
			unregister(t, s, a)
		}
	})
}

// ownContext is a context that the context package doesn't know.
type ownContext struct {
	context.Context
	done chan struct{}
	err  atomic.Pointer[error]
}

func (c *ownContext) Done() <-chan struct{} { return c.done }

func (c *ownContext) Err() error {
	if err := c.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (c *ownContext) end(err error) {
	c.err.Store(&err)
	close(c.done)
}

var errOwn = errors.New("own")

// contexts returns contexts of all sorts, each with what ends it, if it does
// not end by itself, and the error that it has then.
func contexts(t *testing.T) map[string]func() (ctx context.Context, end func(), err error) {
	type key struct{}
	return map[string]func() (context.Context, func(), error){
		"WithCancel": func() (context.Context, func(), error) {
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			return ctx, cancel, context.Canceled
		},
		"WithCancelCause": func() (context.Context, func(), error) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return ctx, func() { cancel(errOwn) }, context.Canceled
		},
		"WithValue": func() (context.Context, func(), error) {
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			return context.WithValue(ctx, key{}, 1), cancel, context.Canceled
		},
		"WithTimeout": func() (context.Context, func(), error) {
			ctx, cancel := context.WithTimeout(context.Background(), 3*settle/2)
			t.Cleanup(cancel)
			return ctx, func() {}, context.DeadlineExceeded
		},
		"own": func() (context.Context, func(), error) {
			ctx := &ownContext{Context: context.Background(), done: make(chan struct{})}
			return ctx, func() { ctx.end(errOwn) }, errOwn
		},
		"of an own one": func() (context.Context, func(), error) {
			parent := &ownContext{Context: context.Background(), done: make(chan struct{})}
			ctx, cancel := context.WithCancel(parent)
			t.Cleanup(cancel)
			return ctx, func() { parent.end(errOwn) }, errOwn
		},
	}
}

func TestSelectContextReturnsTheErrorOfACtxThatEndsDuringTheWait(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s Selector) {
		a, _ := tcpPair(t)
		register(t, s, a, EventRead, nil)
		for name, make := range contexts(t) {
			ctx, finish, want := make()
			other := startSelect(s, Forever)
			c := start(s, func() ([]Ready, error) { return s.SelectContext(ctx) })
			finish()
			got := end(t, c)
			if len(got.ready) != 0 || got.err != ctx.Err() || got.err != want {
				t.Errorf("%s: SelectContext = %v, %v, want %v", name, format(got.ready), got.err, want)
			}
			if ctx.Err() == nil {
				t.Errorf("%s: before the end", name)
			}
			stillBlocked(t, other) // it is nobody else's context
			wakeup(t, s)
			wants(t, end(t, other))
		}
		idle(t, s)
	})
}

func TestACtxThatIsDoneGivesItsErrorWithoutALook(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		key := register(t, s, writable(t), EventWrite, nil)
		soon(t, s, Ready{key, EventWrite})
		for name, make := range contexts(t) {
			ctx, finish, _ := make()
			finish()
			<-ctx.Done()
			for range 2 {
				ready, err := s.SelectContext(ctx)
				if len(ready) != 0 || err != ctx.Err() || err == nil {
					t.Errorf("%s: SelectContext = %v, %v", name, format(ready), err)
				}
			}
		}
	})
}

func TestACtxThatIsDoneTakesNoWakeup(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		wakeup(t, s)
		if ready, err := s.SelectContext(ctx); len(ready) != 0 || err != context.Canceled {
			t.Errorf("SelectContext = %v, %v", format(ready), err)
		}
		wants(t, end(t, startSelect(s, Forever)))
		idle(t, s)
	})
}

// askedContext tells when it was asked for its error first.
type askedContext struct {
	context.Context
	once  sync.Once
	asked chan struct{}
}

func (c *askedContext) Err() error {
	err := c.Context.Err()
	c.once.Do(func() { close(c.asked) })
	return err
}

func TestADescriptorFoundReadyAsCtxEndsIsReturned(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		c := writable(t)
		for i := range 50 {
			parent, cancel := context.WithCancel(context.Background())
			ctx := &askedContext{Context: parent, asked: make(chan struct{})}
			register(t, s, c, EventRead, nil)
			wait := func() ([]Ready, error) { return s.SelectContext(ctx) }
			var done <-chan answer
			if i%2 == 0 {
				done = start(s, wait)
			} else {
				c := make(chan answer, 1)
				go func() {
					ready, err := wait()
					c <- answer{ready, err}
				}()
				<-ctx.asked // it is on its way
				done = c
			}
			// Ready first, the end next: whichever wakes the wait, it finds both.
			key := modify(t, s, c, EventWrite, nil)
			cancel()
			wants(t, end(t, done), Ready{key, EventWrite})
			unregister(t, s, c)
		}
	})
}

func TestANilCtxPanics(t *testing.T) {
	each(t, func(t *testing.T, s Selector) {
		defer func() {
			if recover() == nil {
				t.Error("it doesn't")
			}
		}()
		s.SelectContext(nil) //lint:ignore SA1012 that is what is tested
	})
}
