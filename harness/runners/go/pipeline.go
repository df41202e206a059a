package main

// `pipeline`: a source, a fan-out to W workers, each with its own output, a fan-in, a sink. A message crosses three channels.

import "fmt"

var pipeline = workload{
	name: "pipeline",
	params: []paramSpec{
		threadsOf("workers", "4"),
		capacityOf("64"),
		numberOf("work", "0", 0, 1_000_000),
	},
	messages: func(p params) uint64 {
		return fewerWithoutRoom(p, 1_000, 10_000)
	},
	paced: pacedByWork,
	round: runPipeline,
}

// processed is what a worker passes on.
type processed struct {
	message message8
	worker  int
}

func runPipeline(t *task) (*round, error) {
	workers, steps := t.params.threads("workers"), t.params.number("work")
	capacity, _ := t.params.capacity()
	shares := []uint64{t.messages}
	crew := newCrew(1+2*workers+1, t)
	var stages []*sending
	stage := func() *sending {
		stages = append(stages, &sending{})
		return stages[len(stages)-1]
	}

	output, input := open[message8](t.channel, capacity, 1, workers)
	source, sourceStage := heldBy(1), stage()
	crew.spawn("source", func(gate *gate) *fault {
		defer source.leave(output.done)
		sourceStage.passed = gate.pass()
		sourceStage.fault = produce(output, 0, t.messages)
		return sourceStage.fault
	})

	merged, sink := open[processed](t.channel, capacity, workers, 1)
	merging := heldBy(workers)
	for worker := range workers {
		output, ownOutput := open[processed](t.channel, capacity, 1, 1)
		serving, workerStage, forwarderStage := heldBy(1), stage(), stage()
		crew.spawn(fmt.Sprintf("worker %d", worker), func(gate *gate) *fault {
			defer serving.leave(input.done, output.done)
			workerStage.passed = gate.pass()
			workerStage.fault = process(input, source, output, worker, steps)
			return workerStage.fault
		})
		crew.spawn(fmt.Sprintf("forwarder %d", worker), func(gate *gate) *fault {
			defer merging.leave(ownOutput.done, merged.done)
			forwarderStage.passed = gate.pass()
			forwarderStage.fault = forward(ownOutput, serving, merged)
			return forwarderStage.fault
		})
	}

	received := &receiving{}
	crew.spawn("sink", func(gate *gate) *fault {
		defer sink.done()
		// The workers overtake each other, so order holds for each worker.
		received.ledger = newLedgerWithWays(shares, workers)
		received.passed = gate.pass()
		for {
			p, ok := sink.recv()
			if !ok {
				break
			}
			id, sound := p.message.read()
			received.ledger.recordBy(id, sound, p.worker)
		}
		received.told = merging.disconnected("sink")
		return received.found()
	})
	return finish(crew, stages, []*receiving{received}, shares)
}

// process is the loop of a worker.
func process(
	input *receiver[message8], source *holders, output *sender[processed], worker int, steps uint64,
) *fault {
	for {
		m, ok := input.recv()
		if !ok {
			return source.disconnected("worker")
		}
		if steps > 0 {
			work(steps)
		}
		if !output.send(processed{message: m, worker: worker}) {
			return faultEarlyDisconnect("worker")
		}
	}
}
