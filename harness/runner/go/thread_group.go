package main

// The goroutines of one round: started before the timed region, joined after it, abandoned at a deadline.
//
// A goroutine that hangs inside a channel cannot be stopped from outside. At the deadline the round fails
// with the names of those that have not ended, and abandons them.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// afterViolationTimeout is how long the other goroutines may run on after one has panicked or found a
// violation. Most see a disconnect and end; the rest hang, since Go's channels do not tell senders that the
// receivers are gone.
const afterViolationTimeout = 2 * time.Second

// threadGroupError is why the goroutines of a round did not all end well.
type threadGroupError struct {
	text  string
	cause cause
	// Some goroutines are still running.
	abandoned bool
	// The violation that one of them found before others hung.
	violation *violation
}

func (e *threadGroupError) Error() string { return e.text }

func (e *threadGroupError) Unwrap() error {
	if e.violation == nil {
		return nil
	}
	return e.violation
}

type threadGroup struct {
	barrier  startBarrier
	deadline time.Duration
	size     int
	// Closed when the last goroutine has ended, and at the first panic or violation.
	ended, alarm chan struct{}

	mutex sync.Mutex
	// The goroutines that have not ended, in the order of their start.
	running []string
	spawned int
	left    int
	// The message of the first panic, and the first violation.
	panicked  string
	violation *violation
}

// newThreadGroup returns a group of exactly `size` goroutines, all of which wait at the start barrier.
func newThreadGroup(size int, task *task) *threadGroup {
	g := &threadGroup{deadline: task.deadline, size: size, left: size}
	g.ended, g.alarm = make(chan struct{}), make(chan struct{})
	g.barrier.opened = make(chan struct{})
	g.barrier.missing.Store(int64(size))
	g.barrier.account.countAllocations = task.allocations
	return g
}

// startBarrier opens the timed region for all goroutines of a group at once.
type startBarrier struct {
	missing atomic.Int64
	opened  chan struct{}
	account account
}

// wait waits until every goroutine of the group has arrived; it returns the moment at which this one
// continues. The timed region opens with the first of these moments.
func (b *startBarrier) wait() moment {
	if b.missing.Add(-1) == 0 {
		b.account.open()
		close(b.opened)
	} else {
		<-b.opened
	}
	return now()
}

// spawn starts a goroutine. `body` prepares itself, waits at the barrier, works, and returns the violation
// that it found, if any: the round need not continue then. What it leaves behind may be read once join has
// returned without an error.
func (g *threadGroup) spawn(name string, body func(*startBarrier) *violation) {
	g.mutex.Lock()
	g.running = append(g.running, name)
	g.spawned++
	g.mutex.Unlock()
	go func() {
		var found *violation
		defer func() {
			g.leave(name, found, recover())
		}()
		found = body(&g.barrier)
	}()
}

func (g *threadGroup) leave(name string, found *violation, panicked any) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if index := slices.Index(g.running, name); index >= 0 {
		g.running = slices.Delete(g.running, index, index+1)
	}
	calm := g.panicked == "" && g.violation == nil
	if panicked != nil && g.panicked == "" {
		g.panicked = fmt.Sprintf("%s panicked: %v", name, panicked)
	}
	g.violation = firstViolation(g.violation, found)
	if calm && (panicked != nil || found != nil) {
		close(g.alarm)
	}
	g.left--
	if g.left == 0 {
		g.barrier.account.close()
		close(g.ended)
	}
}

// join waits for every goroutine to end; it returns what they used.
func (g *threadGroup) join() (*account, error) {
	if g.spawned != g.size {
		panic(fmt.Sprintf("a group of %d has %d goroutines: they would wait at the barrier for ever", g.size, g.spawned))
	}
	deadline := time.NewTimer(g.deadline)
	defer deadline.Stop()
	select {
	case <-g.ended:
	case <-deadline.C:
	case <-g.alarm:
		select {
		case <-g.ended:
		case <-deadline.C:
		case <-time.After(afterViolationTimeout):
		}
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	switch {
	case g.panicked != "":
		return nil, &threadGroupError{text: g.panicked, cause: causePanic, abandoned: g.left > 0}
	case g.left > 0 && g.violation != nil:
		return nil, &threadGroupError{text: g.violation.Error(), cause: causeViolation, abandoned: true, violation: g.violation}
	case g.left > 0:
		seconds := strconv.FormatFloat(g.deadline.Seconds(), 'f', -1, 64)
		hung := strings.Join(g.running, ", ")
		return nil, &threadGroupError{
			text:      fmt.Sprintf("hung: after %s s %s still had not ended", seconds, hung),
			cause:     causeHang,
			abandoned: true,
		}
	default:
		return &g.barrier.account, nil
	}
}
