package main

// The runner: plans cells and runs their rounds.

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// runnerVersion is the version of the workspace (Cargo.toml).
const runnerVersion = "0.1.0"

type runner struct {
	channels []*channel
	cells    map[uint64]*cell
}

// cell is a planned cell.
type cell struct {
	workload *workload
	task     *task
	sameCore bool
}

func newRunner(channels []*channel) *runner {
	return &runner{channels: channels, cells: map[uint64]*cell{}}
}

func (r *runner) hello() helloReply {
	hello := helloReply{
		Kind:     "hello",
		Protocol: protocolVersion,
		Runner:   "chanlab-go " + runnerVersion,
		Language: fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH),
		Meters:   []string{"allocations", "latency", "integer work"},
		Without:  map[string]string{"hardware counters": "the runner does not read them"},
	}
	for _, system := range []struct {
		has    bool
		meters []string
	}{
		{hasUsage(), []string{"processor time", "context switches"}},
		{hasPeak(), []string{"peak memory"}},
	} {
		if system.has {
			hello.Meters = append(hello.Meters, system.meters...)
			continue
		}
		for _, meter := range system.meters {
			hello.Without[meter] = "the runner does not support it on " + runtime.GOOS
		}
	}
	for _, channel := range r.channels {
		hello.Channels = append(hello.Channels, channel.hello())
	}
	for _, workload := range workloads {
		hello.Workloads = append(hello.Workloads, workload.name)
	}
	return hello
}

func (c *channel) hello() channelHello {
	hello := channelHello{Name: c.name, Version: runtime.Version(), About: c.about, Lacks: []lack{}, Notes: c.notes}
	for capability, reason := range c.lacks {
		hello.Lacks = append(hello.Lacks, lack{Capability: capability, Reason: reason})
	}
	slices.SortFunc(hello.Lacks, func(one, other lack) int {
		return strings.Compare(string(one.Capability), string(other.Capability))
	})
	return hello
}

// plan prepares a cell. It forgets an earlier plan with the same number, so that a round after a failed plan
// never belongs to another cell.
func (r *runner) plan(requested *request) any {
	delete(r.cells, *requested.cell)
	planned, err := r.prepared(requested)
	if lacking := unsupported(""); errors.As(err, &lacking) {
		return unsupportedReply{Kind: "unsupported", Cell: *requested.cell, Reason: lacking.Error()}
	}
	if err != nil {
		return newErrorReply(err)
	}
	r.cells[*requested.cell] = planned
	answer := plannedReply{Kind: "planned", Cell: *requested.cell, Messages: planned.task.messages}
	if capacity, has := planned.task.params.capacity(); has {
		// Both channels give the requested capacity.
		text := capacity.String()
		answer.EffectiveCapacity = &text
	}
	return answer
}

func (r *runner) prepared(requested *request) (*cell, error) {
	channel, err := named("channel", *requested.channel, r.channels, func(c *channel) string { return c.name })
	if err != nil {
		return nil, err
	}
	workload, err := named("workload", *requested.workload, workloads, func(w *workload) string { return w.name })
	if err != nil {
		return nil, err
	}
	params, err := parseParams(workload.params, requested.params)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", workload.name, err)
	}
	task, err := workload.newTask(channel, params, requested.messages, requested.deadline)
	if err != nil {
		return nil, err
	}
	task.allocations = requested.allocations
	if err := channel.requires(workload.capabilities(params)); err != nil {
		return nil, err
	}
	planned := &cell{workload: workload, task: task}
	planned.sameCore, err = placedTogether(requested.placement, params)
	return planned, err
}

// named finds the element with this name.
func named[T any](what, name string, all []T, nameOf func(T) string) (found T, err error) {
	var known []string
	for _, one := range all {
		if nameOf(one) == name {
			return one, nil
		}
		known = append(known, nameOf(one))
	}
	return found, fmt.Errorf("unknown %s %s: expected one of %s", what, name, strings.Join(known, ", "))
}

// placedTogether returns whether all goroutines of a cell's rounds run on one processor: the request may
// demand it, and so may the params of a workload.
func placedTogether(requested *string, p params) (bool, error) {
	together := false
	for _, placement := range []string{valueOr(requested, "any"), p.choice("placement")} {
		switch placement {
		case "any", "":
		case "same-core":
			together = true
		case "two-cores":
			return false, unsupported("not available here: goroutines on two cores (Go's scheduler moves them among its " +
				"threads; locked to a thread, a goroutine would no longer be switched as Go programs switch it)")
		default:
			return false, fmt.Errorf("unknown placement %s: expected one of any, same-core, two-cores", placement)
		}
	}
	return together, nil
}

func valueOr(text *string, otherwise string) string {
	if text == nil {
		return otherwise
	}
	return *text
}

// round runs a round of a planned cell.
func (r *runner) round(number, requested uint64) any {
	planned, found := r.cells[number]
	if !found {
		return newErrorReply(fmt.Errorf("cell %d was not planned", number))
	}
	spinTime := spin()
	round, err := planned.run()
	// Collections that started during the round are part of what Go costs. The rest is collected now, so that
	// the next round does not pay for this one.
	runtime.GC()

	if lacking := unsupported(""); errors.As(err, &lacking) {
		return unsupportedReply{Kind: "unsupported", Cell: number, Reason: lacking.Error()}
	}
	if err != nil {
		failed := failedReply{Kind: "failed", Cell: number, Round: requested, Cause: causeViolation, Reason: err.Error()}
		if group := (*threadGroupError)(nil); errors.As(err, &group) {
			failed.Cause, failed.Abandoned = group.cause, group.abandoned
		}
		return failed
	}
	answer := roundReply{
		Kind:      "round",
		Cell:      number,
		Round:     requested,
		Messages:  round.messages,
		WallNanos: round.wall,
		Figures:   round.figures,
		Latency:   round.latency,
		SpinNanos: spinTime,
	}
	if used := round.account.usage; used != nil {
		answer.UserNanos, answer.SystemNanos = &used.userNanos, &used.systemNanos
		answer.Voluntary, answer.Involuntary = &used.voluntary, &used.involuntary
	}
	if planned.task.allocations {
		answer.Allocations, answer.AllocatedBytes = &round.account.allocations, &round.account.allocatedBytes
	}
	if bytes, known := peakBytes(); known {
		answer.PeakBytes = &bytes
	}
	return answer
}

func (c *cell) run() (*round, error) {
	if c.sameCore {
		restore, err := onOneProcessor()
		if err != nil {
			return nil, unsupported(fmt.Sprintf("not available here: threads on one processor (%v)", err))
		}
		defer restore()
	}
	return c.workload.round(c.task)
}
