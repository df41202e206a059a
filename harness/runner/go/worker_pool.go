package main

// `worker_pool`: bounded jobs and results, back-pressure, and a `quit` that loses nothing.
//
// How the pool stops: quit is a flag that a worker reads before each job, so it always finishes the job it
// has and delivers its result. A worker that waits for a job is woken because the submitter, which sees the
// flag, closes the jobs. A submitter that waits in a full channel is woken because the last worker closes its
// receiver (with Go's channels, a select over a second channel). A worker that waits in a full results
// channel is served by the collector, which goes on until every worker is gone.

import (
	"errors"
	"fmt"
	"sync/atomic"
)

var workerPool = workload{
	name: "worker_pool",
	params: []paramSpec{
		threadsSpec("workers", "4"),
		capacitySpec("64"),
		numberSpec("work", "0", 0, 1_000_000),
		choiceSpec("quit", "never", "never", "half"),
	},
	messages: func(p params) uint64 {
		return fewerWithoutRoom(p, 2_048, 10_240)
	},
	paced: pacedByWork,
	round: func(t *task) (*round, error) { return newPool(t).run() },
}

const (
	// One job in this many fails.
	failing = 128
	// One job in this many panics.
	panicking = 1024
	// The submitter checks the back-pressure once in this many jobs.
	backPressureInterval = 64
)

// jobOutcome is the outcome of a job: done with a value, or failed or panicked with a reason.
type jobOutcome struct {
	kind   jobOutcomeKind
	value  uint64
	reason string
}

type jobOutcomeKind int

const (
	jobDone jobOutcomeKind = iota
	jobFailed
	jobPanicked
)

// delivery is the result that a worker sends.
type delivery struct {
	job     message8
	worker  int
	outcome jobOutcome
}

// expected is the expected outcome of job seq. Every kind of outcome occurs in every round.
func expected(seq uint64) jobOutcome {
	switch {
	case seq%panicking == 1:
		return jobOutcome{kind: jobPanicked, reason: "a job that panics"}
	case seq%failing == 2:
		return jobOutcome{kind: jobFailed, reason: "a job that fails"}
	default:
		return jobOutcome{kind: jobDone, value: seq * 3}
	}
}

// runJob is the job itself.
func runJob(seq, steps uint64) (uint64, error) {
	if steps > 0 {
		work(steps)
	}
	switch planned := expected(seq); planned.kind {
	case jobPanicked:
		panic(planned.reason)
	case jobFailed:
		return 0, errors.New(planned.reason)
	default:
		return planned.value, nil
	}
}

// outcomeOf runs a job. A failure or a panic is an outcome and does not end the worker.
func outcomeOf(seq, steps uint64) (result jobOutcome) {
	defer func() {
		if panicked := recover(); panicked != nil {
			result = jobOutcome{kind: jobPanicked, reason: fmt.Sprint(panicked)}
		}
	}()
	value, err := runJob(seq, steps)
	if err != nil {
		return jobOutcome{kind: jobFailed, reason: err.Error()}
	}
	return jobOutcome{kind: jobDone, value: value}
}

// pool is one round.
type pool struct {
	task     *task
	capacity capacity
	workers  int
	steps    uint64
	// The number of results after which quit is raised; 0 for never.
	quitAfter uint64
	// The messages that the two channels, the workers and the collector can hold; 0 if the channels are
	// unbounded.
	room uint64

	group         *threadGroup
	jobs          *sender[message8]
	taking        *receiver[message8]
	results       *sender[delivery]
	collecting    *receiver[delivery]
	submitters    *endpointCount
	takers        *endpointCount
	deliverers    *endpointCount
	quitRaised    moment
	lastAfterQuit moment

	// All goroutines read quit for each job, and the collector writes its count for each result, so they are
	// on separate cache lines.
	_         cacheLines
	quit      atomic.Bool
	_         cacheLines
	collected atomic.Uint64
	_         cacheLines

	// What the goroutines saw.
	submitter struct {
		sending
		made uint64
		jam  *violation
	}
	worker    []*serving
	collector struct {
		receiving
		wrong *violation
	}
}

// serving is what a worker saw.
type serving struct {
	receiving
	ended moment
}

func newPool(t *task) *pool {
	p := &pool{task: t, workers: t.params.threads("workers"), steps: t.params.number("work")}
	p.capacity, _ = t.params.capacity()
	if t.params.choice("quit") == "half" {
		p.quitAfter = max(t.messages/2, 1)
	}
	if !p.capacity.unbounded {
		p.room = uint64(2*p.capacity.slots + p.workers + 1)
	}
	p.group = newThreadGroup(1+p.workers+1, t)
	p.jobs, p.taking = open[message8](t.channel, p.capacity, 1, p.workers)
	p.results, p.collecting = open[delivery](t.channel, p.capacity, p.workers, 1)
	p.submitters, p.takers, p.deliverers = newEndpointCount(1), newEndpointCount(p.workers), newEndpointCount(p.workers)
	return p
}

func (p *pool) run() (*round, error) {
	for worker := range p.workers {
		own := &serving{}
		p.worker = append(p.worker, own)
		p.group.spawn(fmt.Sprintf("worker %d", worker), func(barrier *startBarrier) *violation {
			defer p.takers.close(p.taking.done)
			defer p.deliverers.close(p.results.done)
			own.ledger = newLedger([]uint64{p.task.messages})
			own.started = barrier.wait()
			own.disconnect = p.serve(worker, own.ledger)
			own.ended = now()
			return own.firstViolation()
		})
	}
	p.group.spawn("submitter", func(barrier *startBarrier) *violation {
		defer p.submitters.close(p.jobs.done)
		p.submitter.started = barrier.wait()
		p.submitter.made, p.submitter.violation = p.submit()
		return p.submitter.violation
	})
	p.group.spawn("collector", func(barrier *startBarrier) *violation {
		defer p.collecting.done()
		p.collector.ledger = newLedgerWithPaths([]uint64{p.task.messages}, p.workers)
		p.collector.started = barrier.wait()
		p.collector.disconnect = p.collect()
		return p.collector.firstViolation()
	})
	account, err := p.group.join()
	if err != nil {
		return nil, err
	}
	return p.verified(account)
}

// serve is the loop of one worker. A job that was taken is run and its result is sent, whatever happens
// meanwhile.
func (p *pool) serve(worker int, done *ledger) *violation {
	for !p.quit.Load() {
		job, ok := p.taking.recv()
		if !ok {
			return p.submitters.checkDisconnect("worker")
		}
		result := jobOutcome{kind: jobFailed, reason: "a faulty delivery, which the ledger names"}
		if id, sound := job.read(); done.record(id, sound) {
			result = outcomeOf(id.seq(), p.steps)
		}
		if !p.results.send(delivery{job: job, worker: worker, outcome: result}) {
			// The collector outlives the workers.
			return violationEarlyDisconnect("worker")
		}
	}
	return nil
}

// submit makes and submits the jobs, or as many as it can until quit is raised or the workers are gone.
func (p *pool) submit() (made uint64, found *violation) {
	for seq := range p.task.messages {
		if p.quit.Load() {
			return seq, nil
		}
		if !p.jobs.sendOrGone(newMessage8(newID(0, seq))) {
			// Right if the workers have quit; otherwise they are still there.
			return seq + 1, p.takers.checkDisconnect("submitter")
		}
		if accepted := seq + 1; p.room > 0 && accepted%backPressureInterval == 1 {
			// `collected` lags by at most one job, which `room` grants to the collector.
			collected := p.collected.Load()
			if accepted > collected && accepted-collected > p.room {
				p.submitter.jam = firstViolation(p.submitter.jam, violationNoBackPressure(accepted-collected, p.room))
			}
		}
	}
	return p.task.messages, nil
}

// collect takes results until every worker is gone, and raises quit after quitAfter of them.
func (p *pool) collect() *violation {
	results := p.collector.ledger
	for {
		d, ok := p.collecting.recv()
		if !ok {
			return p.deliverers.checkDisconnect("collector")
		}
		id, sound := d.job.read()
		if results.recordOnPath(id, sound, d.worker) && d.outcome != expected(id.seq()) {
			p.collector.wrong = firstViolation(p.collector.wrong, violationWrongResult(id))
		}
		p.collected.Store(results.onPaths)
		if p.quitAfter > 0 && results.onPaths >= p.quitAfter {
			p.lastAfterQuit = now()
			if !p.quit.Load() {
				p.quitRaised = p.lastAfterQuit
				p.quit.Store(true)
			}
		}
	}
}

// verified checks the round once every goroutine has ended.
func (p *pool) verified(account *account) (*round, error) {
	opened := min(p.submitter.started, p.collector.started)
	lastEnded := opened
	found := p.collector.disconnect
	var ledgers []*ledger
	for _, worker := range p.worker {
		opened = min(opened, worker.started)
		lastEnded = max(lastEnded, worker.ended)
		found = firstViolation(found, worker.disconnect)
		ledgers = append(ledgers, worker.ledger)
	}
	// An early disconnect explains missing messages, so it comes first; then the ledgers, which name the
	// message behind a wrong result or a jam.
	if found = firstViolation(found, p.submitter.violation); found != nil {
		return nil, found
	}
	done, doneViolation := join(ledgers...)
	results, resultsViolation := join(p.collector.ledger)
	// A channel is a queue, so the jobs that were done are the first ones, however many those are.
	taken := p.task.messages
	if p.quitAfter > 0 {
		taken = done.count()
	}
	found = firstViolation(doneViolation, resultsViolation, done.complete(taken), results.complete(taken),
		p.collector.wrong, p.submitter.jam)
	if found != nil {
		return nil, found
	}
	verified := &round{messages: results.count(), account: account, wall: timedRegion(opened, results.last)}
	verified.figures = []figure{{jobsNeverTaken, float64(p.submitter.made - min(p.submitter.made, taken))}}
	if p.quitAfter > 0 {
		if found := checkQuit(taken-min(taken, p.quitAfter), p.capacity, p.workers); found != nil {
			return nil, found
		}
		verified.wall = timedRegion(opened, p.lastAfterQuit)
		verified.figures = append(verified.figures, figure{drainAfterQuit, float64(max(lastEnded-p.quitRaised, 0))})
	}
	return verified, nil
}

// checkQuit checks that the workers obeyed quit: no more results came after it than were in flight. In flight
// are the queued results and one for each worker (being sent, or of a job that it took just before). One more
// for each worker is granted, since a raised flag takes a moment to become visible.
func checkQuit(results uint64, capacity capacity, workers int) *violation {
	if limit := uint64(capacity.slots + 2*workers); !capacity.unbounded && results > limit {
		return violationQuitIgnored(results, limit)
	}
	return nil
}
