package main

// `pipeline`: a source, a fan-out to W workers, each with its own output, a fan-in, and a sink. A message
// crosses three channels.

import "fmt"

var pipeline = workload{
	name: "pipeline",
	params: []paramSpec{
		threadsSpec("workers", "4"),
		capacitySpec("64"),
		numberSpec("work", "0", 0, 1_000_000),
	},
	messages: func(p params) uint64 {
		return fewerWithoutRoom(p, 1_000, 10_000)
	},
	paced: pacedByWork,
	round: runPipeline,
}

// processed is a message that a worker has processed.
type processed struct {
	message message8
	worker  int
}

func runPipeline(t *task) (*round, error) {
	workers, steps := t.params.threads("workers"), t.params.number("work")
	capacity, _ := t.params.capacity()
	shares := []uint64{t.messages}
	group := newThreadGroup(1+2*workers+1, t)
	var stages []*sending
	stage := func() *sending {
		stages = append(stages, &sending{})
		return stages[len(stages)-1]
	}

	output, input := open[message8](t.channel, capacity, 1, workers)
	source, sourceStage := newEndpointCount(1), stage()
	group.spawn("source", func(barrier *startBarrier) *violation {
		defer source.close(output.done)
		sourceStage.started = barrier.wait()
		sourceStage.violation = produce(output, 0, t.messages)
		return sourceStage.violation
	})

	merged, sink := open[processed](t.channel, capacity, workers, 1)
	merging := newEndpointCount(workers)
	for worker := range workers {
		output, outputReceiver := open[processed](t.channel, capacity, 1, 1)
		serving, workerStage, forwarderStage := newEndpointCount(1), stage(), stage()
		group.spawn(fmt.Sprintf("worker %d", worker), func(barrier *startBarrier) *violation {
			defer serving.close(input.done, output.done)
			workerStage.started = barrier.wait()
			workerStage.violation = process(input, source, output, worker, steps)
			return workerStage.violation
		})
		group.spawn(fmt.Sprintf("forwarder %d", worker), func(barrier *startBarrier) *violation {
			defer merging.close(outputReceiver.done, merged.done)
			forwarderStage.started = barrier.wait()
			forwarderStage.violation = forward(outputReceiver, serving, merged)
			return forwarderStage.violation
		})
	}

	received := &receiving{}
	group.spawn("sink", func(barrier *startBarrier) *violation {
		defer sink.done()
		// The workers overtake each other, so order holds per worker.
		received.ledger = newLedgerWithPaths(shares, workers)
		received.started = barrier.wait()
		for {
			p, ok := sink.recv()
			if !ok {
				break
			}
			id, sound := p.message.read()
			received.ledger.recordOnPath(id, sound, p.worker)
		}
		received.disconnect = merging.checkDisconnect("sink")
		return received.firstViolation()
	})
	return finish(group, stages, []*receiving{received}, shares)
}

// process is the loop of one worker; `source` counts the senders of its input.
func process(
	input *receiver[message8], source *endpointCount, output *sender[processed], worker int, steps uint64,
) *violation {
	for {
		m, ok := input.recv()
		if !ok {
			return source.checkDisconnect("worker")
		}
		if steps > 0 {
			work(steps)
		}
		if !output.send(processed{message: m, worker: worker}) {
			return violationEarlyDisconnect("worker")
		}
	}
}
