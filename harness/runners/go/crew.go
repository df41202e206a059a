package main

// The goroutines of one round: started before the timed region, joined after it, and given up at a deadline.
//
// A goroutine that hangs inside a channel cannot be stopped from outside. At the deadline the round fails with the names of
// those that had not ended, and they are abandoned.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// grace is how long the others may take to end after one has panicked or found a fault. Most then see a disconnect; the rest
// hang: nobody tells the senders of Go's channels that the receivers are gone.
const grace = 2 * time.Second

// crewError is why the goroutines of a round did not all end well.
type crewError struct {
	text  string
	cause cause
	// Some are still there.
	abandoned bool
	// What one of them found before others hung.
	found *fault
}

func (e *crewError) Error() string { return e.text }

func (e *crewError) Unwrap() error {
	if e.found == nil {
		return nil
	}
	return e.found
}

type crew struct {
	gate     gate
	deadline time.Duration
	size     int
	// Closed when the last has ended, and at the first panic or fault.
	ended, alarm chan struct{}

	mutex sync.Mutex
	// Those that have not ended, in the order of their start, and how many of all.
	running []string
	spawned int
	left    int
	// What the first panic said, and the first fault that one of them found.
	panicked string
	found    *fault
}

// newCrew is a crew of exactly `size` goroutines, all of which pass the gate; the round may take `deadline`.
func newCrew(size int, task *task) *crew {
	c := &crew{deadline: task.deadline, size: size, left: size}
	c.ended, c.alarm = make(chan struct{}), make(chan struct{})
	c.gate.opened = make(chan struct{})
	c.gate.missing.Store(int64(size))
	c.gate.account.countAllocations = task.allocations
	return c
}

// gate opens the timed region for all goroutines of a crew at once.
type gate struct {
	missing atomic.Int64
	opened  chan struct{}
	account account
}

// pass waits until every goroutine of the crew is here; returns the moment this one went through. The timed region opens with
// the first of these moments.
func (g *gate) pass() moment {
	if g.missing.Add(-1) == 0 {
		g.account.open()
		close(g.opened)
	} else {
		<-g.opened
	}
	return now()
}

// spawn starts a goroutine. `body` does its preparations, passes the gate, works, and returns what it found to be wrong: the
// round need not go on then. What it leaves behind may be read once join has returned without an error.
func (c *crew) spawn(name string, body func(*gate) *fault) {
	c.mutex.Lock()
	c.running = append(c.running, name)
	c.spawned++
	c.mutex.Unlock()
	go func() {
		var found *fault
		defer func() {
			c.leave(name, found, recover())
		}()
		found = body(&c.gate)
	}()
}

func (c *crew) leave(name string, found *fault, panicked any) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if index := slices.Index(c.running, name); index >= 0 {
		c.running = slices.Delete(c.running, index, index+1)
	}
	calm := c.panicked == "" && c.found == nil
	if panicked != nil && c.panicked == "" {
		c.panicked = fmt.Sprintf("%s panicked: %v", name, panicked)
	}
	c.found = firstFault(c.found, found)
	if calm && (panicked != nil || found != nil) {
		close(c.alarm)
	}
	c.left--
	if c.left == 0 {
		c.gate.account.close()
		close(c.ended)
	}
}

// join waits for every goroutine to end; returns what they used.
func (c *crew) join() (*account, error) {
	if c.spawned != c.size {
		panic(fmt.Sprintf("a crew of %d was given %d goroutines: they would wait at the gate for ever", c.size, c.spawned))
	}
	deadline := time.NewTimer(c.deadline)
	defer deadline.Stop()
	select {
	case <-c.ended:
	case <-deadline.C:
	case <-c.alarm:
		select {
		case <-c.ended:
		case <-deadline.C:
		case <-time.After(grace):
		}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.panicked != "":
		return nil, &crewError{text: c.panicked, cause: causePanic, abandoned: c.left > 0}
	case c.left > 0 && c.found != nil:
		return nil, &crewError{text: c.found.Error(), cause: causeViolation, abandoned: true, found: c.found}
	case c.left > 0:
		seconds := strconv.FormatFloat(c.deadline.Seconds(), 'f', -1, 64)
		hung := strings.Join(c.running, ", ")
		return nil, &crewError{
			text:      fmt.Sprintf("hung: after %s s %s still had not ended", seconds, hung),
			cause:     causeHang,
			abandoned: true,
		}
	default:
		return &c.gate.account, nil
	}
}
