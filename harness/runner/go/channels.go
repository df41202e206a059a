package main

// The channels of this runner, with what a reader of their results needs to know.

// notesOfGo apply to every channel of this runner.
var notesOfGo = []string{
	"Go does not show when a value is released, so no round checks that each payload is released exactly once",
	"the threads of a round are goroutines; processor time, context switches and allocations are those of the whole " +
		"process, including the scheduler and the garbage collector",
	"garbage is collected while the clock runs if the collector starts by itself, and the rest after the round, before " +
		"its reply",
	"the ticker of token_bucket yields or sleeps until its next tick; time.Ticker is too coarse for such rates",
	"placement same-core pins the whole process to one processor with GOMAXPROCS 1, as a Go program runs there",
}

var goChan = channel{
	name:  "go-chan",
	about: "Go's own channels: a ring behind the runtime's lock; a waiting goroutine is handed its message",
	lacks: map[capability]string{
		unboundedCapacity: "make takes a capacity, and the language has no unbounded channel",
	},
	notes: append([]string{
		"nothing disconnects by itself: the last sender closes the channel",
		"senders do not see that the receivers are gone: the submitter of worker_pool selects over the jobs and a second " +
			"channel that the last worker closes, and the ticker of token_bucket checks such a channel before each token",
		"the select of fan_in is written out for 2, 4 and 8 inputs (other numbers up to 8 leave cases nil); beyond 8 it is " +
			"reflect.Select",
		"select chooses at random among the ready cases",
	}, notesOfGo...),
	kind: native,
}

var goMutexSlice = channel{
	name:  "go-mutex-slice",
	about: "the baseline in Go: a slice used as a ring behind a sync.Mutex, two sync.Conds; a hand-off at capacity 0",
	lacks: map[capability]string{
		sendWithTimeout:    "sync.Cond has no timeout",
		receiveWithTimeout: "sync.Cond has no timeout",
		selectReceivers:    "a wait is on one condition variable, and so on one channel",
	},
	notes: append([]string{
		"capacity 0 has a condition variable per waiting call, so that a message goes to one particular receiver",
		"a slot is cleared when its message is taken, so that the ring keeps nothing alive",
	}, notesOfGo...),
	kind: mutexSlice,
}

// channels are all channels, in the order of hello.
var channels = []*channel{&goChan, &goMutexSlice}
