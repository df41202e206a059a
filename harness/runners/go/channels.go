package main

// The channels of this runner, and what a reader of their numbers has to know.

// notesOfGo hold for whatever this runner runs.
var notesOfGo = []string{
	"Go cannot tell when a value is released, so no round checks that each payload is released exactly once",
	"the threads of a round are goroutines; its processor time, context switches and allocations are the whole process's, " +
		"scheduler and collector included",
	"the garbage of a round is collected while the clock runs where the collector starts by itself, and the rest after the " +
		"round, before its reply",
	"the ticker of token_bucket yields or sleeps until its next tick; time.Ticker is too coarse for such rates",
	"placement same-core puts the whole process on one processor (GOMAXPROCS 1), as a Go program there runs",
}

var goChan = channel{
	name:  "go-chan",
	about: "Go's own channels: a ring behind the runtime's lock, goroutines handed their message when they wait",
	lacks: map[capability]string{
		unboundedCapacity: "make takes a capacity, and a channel without a limit is not in the language",
	},
	notes: append([]string{
		"nothing disconnects by itself: the last sender to be done closes the channel",
		"senders are not told that the receivers are gone: the submitter of worker_pool selects over the jobs and a second " +
			"channel that the last worker closes, and the ticker of token_bucket asks such a channel before each token",
		"fan_in's select is written out for 2, 4 and 8 inputs (others up to 8 leave cases nil); beyond 8 it is reflect.Select",
		"select chooses at random among the ready cases",
	}, notesOfGo...),
	kind: native,
}

var goMutexSlice = channel{
	name:  "go-mutex-slice",
	about: "the baseline in Go: a slice used as a ring behind a sync.Mutex, two sync.Conds; a hand-off at capacity 0",
	lacks: map[capability]string{
		sendWithTimeout:    "sync.Cond waits without a limit",
		receiveWithTimeout: "sync.Cond waits without a limit",
		selectReceivers:    "a wait is on one condition variable, so on one channel",
	},
	notes: append([]string{
		"capacity 0 has a condition variable for each waiting call, so that a message goes to one particular receiver",
		"a slot is cleared when its message is taken, or the ring would keep alive what the message points to",
	}, notesOfGo...),
	kind: mutexSlice,
}

// channels are all channels, in the order in which hello shows them.
var channels = []*channel{&goChan, &goMutexSlice}
