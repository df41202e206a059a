package main

// `worker_pool`: bounded jobs and results, back-pressure, and a `quit` that loses nothing.
//
// How it stops: quit is a flag that a worker looks at before each job, so it always finishes the job it has and delivers its
// result. A worker that waits for a job is woken because the submitter, seeing the flag, closes the jobs; a submitter that
// waits in a full channel is woken because the last worker says that it is gone (with Go's channels a select over a second
// channel). A worker that waits in a full results channel is served by the collector, which goes on until every worker is gone.

import (
	"errors"
	"fmt"
	"sync/atomic"
)

var workerPool = workload{
	name: "worker_pool",
	params: []paramSpec{
		threadsOf("workers", "4"),
		capacityOf("64"),
		numberOf("work", "0", 0, 1_000_000),
		choiceOf("quit", "never", "never", "half"),
	},
	messages: func(p params) uint64 {
		return fewerWithoutRoom(p, 2_048, 10_240)
	},
	paced: pacedByWork,
	round: func(t *task) (*round, error) { return newPool(t).run() },
}

const (
	// Of each so many jobs one fails.
	failing = 128
	// Of each so many jobs one panics.
	panicking = 1024
	// The submitter looks at the back-pressure after each so many jobs.
	look = 64
)

// outcome is what became of a job: done, with its value, or why not.
type outcome struct {
	kind   outcomeKind
	value  uint64
	reason string
}

type outcomeKind int

const (
	jobDone outcomeKind = iota
	jobFailed
	jobPanicked
)

// delivery is what a worker delivers.
type delivery struct {
	job     message8
	worker  int
	outcome outcome
}

// expected is what the job of this number has to give: every kind of outcome occurs in every round.
func expected(seq uint64) outcome {
	switch {
	case seq%panicking == 1:
		return outcome{kind: jobPanicked, reason: "a job that panics"}
	case seq%failing == 2:
		return outcome{kind: jobFailed, reason: "a job that fails"}
	default:
		return outcome{kind: jobDone, value: seq * 3}
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

// outcomeOf runs a job that may fail or panic; either is an outcome, and not the end of the worker.
func outcomeOf(seq, steps uint64) (result outcome) {
	defer func() {
		if panicked := recover(); panicked != nil {
			result = outcome{kind: jobPanicked, reason: fmt.Sprint(panicked)}
		}
	}()
	value, err := runJob(seq, steps)
	if err != nil {
		return outcome{kind: jobFailed, reason: err.Error()}
	}
	return outcome{kind: jobDone, value: value}
}

// pool is one round.
type pool struct {
	task     *task
	capacity capacity
	workers  int
	steps    uint64
	// Results after which quit is raised; 0 for never.
	quitAfter uint64
	// What the two channels, the workers and the collector can hold; 0 when the channels hold any number.
	room uint64

	crew        *crew
	jobs        *sender[message8]
	taking      *receiver[message8]
	results     *sender[delivery]
	collecting  *receiver[delivery]
	submitters  *holders
	takers      *holders
	deliverers  *holders
	quitRaised  moment
	lastDrained moment

	// All read quit for each job and the collector writes its count for each result, so each has cache lines of its own.
	_         cacheLines
	quit      atomic.Bool
	_         cacheLines
	collected atomic.Uint64
	_         cacheLines

	// What the goroutines have seen when they end.
	submitter struct {
		sending
		made uint64
		jam  *fault
	}
	worker    []*serving
	collector struct {
		receiving
		wrong *fault
	}
}

// serving is what a worker has seen when it ends.
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
	p.crew = newCrew(1+p.workers+1, t)
	p.jobs, p.taking = open[message8](t.channel, p.capacity, 1, p.workers)
	p.results, p.collecting = open[delivery](t.channel, p.capacity, p.workers, 1)
	p.submitters, p.takers, p.deliverers = heldBy(1), heldBy(p.workers), heldBy(p.workers)
	return p
}

func (p *pool) run() (*round, error) {
	for worker := range p.workers {
		own := &serving{}
		p.worker = append(p.worker, own)
		p.crew.spawn(fmt.Sprintf("worker %d", worker), func(gate *gate) *fault {
			defer p.takers.leave(p.taking.done)
			defer p.deliverers.leave(p.results.done)
			own.ledger = newLedger([]uint64{p.task.messages})
			own.passed = gate.pass()
			own.told = p.serve(worker, own.ledger)
			own.ended = now()
			return own.found()
		})
	}
	p.crew.spawn("submitter", func(gate *gate) *fault {
		defer p.submitters.leave(p.jobs.done)
		p.submitter.passed = gate.pass()
		p.submitter.made, p.submitter.fault = p.submit()
		return p.submitter.fault
	})
	p.crew.spawn("collector", func(gate *gate) *fault {
		defer p.collecting.done()
		p.collector.ledger = newLedgerWithWays([]uint64{p.task.messages}, p.workers)
		p.collector.passed = gate.pass()
		p.collector.told = p.collect()
		return p.collector.found()
	})
	account, err := p.crew.join()
	if err != nil {
		return nil, err
	}
	return p.verified(account)
}

// serve is the loop of one worker. A job that was taken is run and its result is sent, whatever happens meanwhile.
func (p *pool) serve(worker int, done *ledger) *fault {
	for !p.quit.Load() {
		job, ok := p.taking.recv()
		if !ok {
			return p.submitters.disconnected("worker")
		}
		result := outcome{kind: jobFailed, reason: "a faulty delivery, which the ledger names"}
		if id, sound := job.read(); done.record(id, sound) {
			result = outcomeOf(id.seq(), p.steps)
		}
		if !p.results.send(delivery{job: job, worker: worker, outcome: result}) {
			// The collector outlives the workers.
			return faultEarlyDisconnect("worker")
		}
	}
	return nil
}

// submit makes and submits the jobs, or as many as it can until quit is raised or the workers are gone.
func (p *pool) submit() (made uint64, found *fault) {
	for seq := range p.task.messages {
		if p.quit.Load() {
			return seq, nil
		}
		if !p.jobs.sendOrGone(newMessage8(idOf(0, seq))) {
			// Right when the workers have quit; else they are still there.
			return seq + 1, p.takers.disconnected("submitter")
		}
		if accepted := seq + 1; p.room > 0 && accepted%look == 1 {
			// `collected` is behind by one job at most: the one that `room` grants to the collector.
			collected := p.collected.Load()
			if accepted > collected && accepted-collected > p.room {
				p.submitter.jam = firstFault(p.submitter.jam, faultNoBackPressure(accepted-collected, p.room))
			}
		}
	}
	return p.task.messages, nil
}

// collect takes results until every worker is gone, and raises quit when its moment has come.
func (p *pool) collect() *fault {
	results := p.collector.ledger
	for {
		d, ok := p.collecting.recv()
		if !ok {
			return p.deliverers.disconnected("collector")
		}
		id, sound := d.job.read()
		if results.recordBy(id, sound, d.worker) && d.outcome != expected(id.seq()) {
			p.collector.wrong = firstFault(p.collector.wrong, faultWrongResult(id))
		}
		p.collected.Store(results.byWays)
		if p.quitAfter > 0 && results.byWays >= p.quitAfter {
			p.lastDrained = now()
			if !p.quit.Load() {
				p.quitRaised = p.lastDrained
				p.quit.Store(true)
			}
		}
	}
}

// verified holds the round against what it was to do, once every goroutine has ended.
func (p *pool) verified(account *account) (*round, error) {
	opened := min(p.submitter.passed, p.collector.passed)
	lastEnded := opened
	found := p.collector.told
	var ledgers []*ledger
	for _, worker := range p.worker {
		opened = min(opened, worker.passed)
		lastEnded = max(lastEnded, worker.ended)
		found = firstFault(found, worker.told)
		ledgers = append(ledgers, worker.ledger)
	}
	// A disconnect that is none is why messages are missing; then the ledgers, which name the message that a wrong result or
	// a jam comes from.
	if found = firstFault(found, p.submitter.fault); found != nil {
		return nil, found
	}
	done, doneFault := join(ledgers...)
	results, resultsFault := join(p.collector.ledger)
	// A channel is a queue, so the jobs that were done are the first ones, however many those are.
	taken := p.task.messages
	if p.quitAfter > 0 {
		taken = done.count()
	}
	found = firstFault(doneFault, resultsFault, done.complete(taken), results.complete(taken),
		p.collector.wrong, p.submitter.jam)
	if found != nil {
		return nil, found
	}
	verified := &round{messages: results.count(), account: account, wall: timedRegion(opened, results.last)}
	verified.figures = []figure{{jobsNeverTaken, float64(p.submitter.made - min(p.submitter.made, taken))}}
	if p.quitAfter > 0 {
		if found := quitWasHeard(taken-min(taken, p.quitAfter), p.capacity, p.workers); found != nil {
			return nil, found
		}
		verified.wall = timedRegion(opened, p.lastDrained)
		verified.figures = append(verified.figures, figure{drainAfterQuit, float64(max(lastEnded-p.quitRaised, 0))})
	}
	return verified, nil
}

// quitWasHeard: no more results came after quit than were under way. These are the queued ones and one for each worker (being
// sent, or of a job that it took just before); one more for each is granted, since a raised flag takes a moment to be seen.
func quitWasHeard(results uint64, capacity capacity, workers int) *fault {
	if limit := uint64(capacity.slots + 2*workers); !capacity.unbounded && results > limit {
		return faultQuitIgnored(results, limit)
	}
	return nil
}
