package main

// Rounds of every workload, and mutants: every workload's own checks catch each of them and name it.

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// newTestTask returns the task of a cell, with params given as `name=value,...`.
func newTestTask(t testing.TB, c *channel, workload, text string, messages uint64, deadline time.Duration) *task {
	t.Helper()
	w := workloadNamed(workload)
	given := map[string]string{}
	for _, pair := range strings.Split(text, ",") {
		if name, value, isPair := strings.Cut(pair, "="); isPair {
			given[name] = value
		}
	}
	p, err := parseParams(w.params, given)
	if err != nil {
		t.Fatal(err)
	}
	nanos := uint64(deadline)
	asked := &messages
	if messages == 0 {
		asked = nil
	}
	task, err := w.newTask(c, p, asked, &nanos)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func workloadNamed(name string) *workload {
	for _, w := range workloads {
		if w.name == name {
			return w
		}
	}
	return nil
}

// cells are params of every workload: each payload, variant, capacity and number of inputs that takes another
// path through it.
var cells = []struct{ workload, params string }{
	{"producer_consumer", ""},
	{"producer_consumer", "capacity=0"},
	{"producer_consumer", "capacity=1,producers=3,consumers=2"},
	{"producer_consumer", "capacity=0,producers=4,consumers=4"},
	{"producer_consumer", "capacity=unbounded,producers=2,consumers=3"},
	{"producer_consumer", "payload=64"},
	{"producer_consumer", "payload=256"},
	{"producer_consumer", "payload=1024,consumers=2"},
	{"producer_consumer", "payload=box256,producers=2"},
	{"producer_consumer", "work=20"},
	{"fan_in", ""},
	{"fan_in", "capacity=0"},
	{"fan_in", "variant=shared"},
	{"fan_in", "variant=select,inputs=1"},
	{"fan_in", "variant=select,inputs=2"},
	{"fan_in", "variant=select,inputs=3"},
	{"fan_in", "variant=select,inputs=8"},
	{"fan_in", "variant=select,inputs=9,capacity=0"},
	{"pipeline", ""},
	{"pipeline", "workers=1,capacity=0"},
	{"pipeline", "workers=3,capacity=unbounded,work=10"},
	{"worker_pool", ""},
	{"worker_pool", "workers=1,capacity=0"},
	{"worker_pool", "workers=3,capacity=unbounded"},
	{"worker_pool", "quit=half"},
	{"worker_pool", "workers=2,capacity=0,quit=half"},
	{"worker_pool", "workers=2,capacity=unbounded,quit=half"},
	{"token_bucket", ""},
	{"token_bucket", "callers=4,burst=2"},
	{"token_bucket", "rate=100000,burst=16"},
	{"ping_pong", ""},
	{"ping_pong", "capacity=0"},
	{"ping_pong", "capacity=unbounded"},
	{"open_loop", "rate=1000000"},
	{"open_loop", "rate=1000000,producers=2,consumers=2"},
	{"open_loop", "rate=1000000,capacity=0"},
	{"open_loop", "rate=1000000,capacity=unbounded"},
}

func TestRoundsOfEveryWorkloadOverEveryChannel(t *testing.T) {
	for _, channel := range channels {
		for _, cell := range cells {
			t.Run(channel.name+"/"+cell.workload+"/"+cell.params, func(t *testing.T) {
				w := workloadNamed(cell.workload)
				task := newTestTask(t, channel, cell.workload, cell.params, 3_000, time.Minute)
				if lacking := channel.requires(w.capabilities(task.params)); lacking != nil {
					t.Skip(lacking)
				}
				round, err := w.round(task)
				if err != nil {
					t.Fatal(err)
				}
				if round.wall <= 0 || round.messages == 0 {
					t.Fatalf("%d messages in %d ns", round.messages, round.wall)
				}
				if task.params.choice("quit") != "half" && round.messages != 3_000 {
					t.Fatalf("%d messages of 3000", round.messages)
				}
			})
		}
	}
}

// mutantCells have one receiver where the mistake is made, so that the order of what it sees is certain.
var mutantCells = []struct{ workload, params string }{
	{"producer_consumer", ""},
	{"producer_consumer", "payload=box256"},
	{"fan_in", ""},
	{"fan_in", "variant=shared"},
	{"pipeline", "workers=1"},
	{"worker_pool", "workers=1"},
	{"worker_pool", "workers=1,quit=half"},
	{"token_bucket", ""},
	{"ping_pong", ""},
	{"open_loop", "rate=1000000"},
}

func TestEveryWorkloadCatchesEveryMutant(t *testing.T) {
	for _, planted := range []struct {
		name   string
		mutant mutant
		caught violationKind
		// A lost or late message leaves both sides of ping_pong waiting for ever.
		pingPongHangs bool
	}{
		{"drop", dropOne, lost, true},
		{"double", doubleOne, doubled, false},
		{"reorder", reorderOne, reordered, true},
	} {
		for _, base := range channels {
			channel := *base
			channel.mutant = planted.mutant
			for _, cell := range mutantCells {
				t.Run(planted.name+"/"+channel.name+"/"+cell.workload+"/"+cell.params, func(t *testing.T) {
					t.Parallel()
					hangs := planted.pingPongHangs && cell.workload == "ping_pong"
					deadline := time.Minute
					if hangs {
						deadline = time.Second
					}
					task := newTestTask(t, &channel, cell.workload, cell.params, 2_000, deadline)
					_, err := workloadNamed(cell.workload).round(task)
					if hangs {
						requireHung(t, err, "hung: after 1 s ping, pong still had not ended")
						return
					}
					requireViolation(t, err, planted.caught)
				})
			}
		}
	}
}

// With several receivers the others take the rest, so that nothing is missing in the end.
func TestEveryWorkloadCatchesAnEarlyDisconnect(t *testing.T) {
	for _, base := range channels {
		channel := *base
		channel.mutant = disconnectEarly
		for _, cell := range append(mutantCells, []struct{ workload, params string }{
			{"producer_consumer", "producers=2,consumers=2"},
			{"pipeline", "workers=2"},
			{"worker_pool", "workers=2"},
			{"worker_pool", "workers=2,quit=half"},
			{"token_bucket", "callers=2"},
		}...) {
			t.Run(channel.name+"/"+cell.workload+"/"+cell.params, func(t *testing.T) {
				t.Parallel()
				// A receiver that ends leaves the senders of Go's own channels waiting; its violation is
				// still reported.
				task := newTestTask(t, &channel, cell.workload, cell.params, 2_000, time.Minute)
				_, err := workloadNamed(cell.workload).round(task)
				requireViolation(t, err, earlyDisconnect)
			})
		}
	}
}

func TestAHangEndsAtTheDeadlineAndIsNamed(t *testing.T) {
	channel := goChan
	channel.mutant = hang
	for _, w := range workloads {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			task := newTestTask(t, &channel, w.name, "", 0, 500*time.Millisecond)
			_, err := w.round(task)
			requireHung(t, err, "hung: after 0.5 s ")
		})
	}
}

func requireViolation(t *testing.T, err error, kind violationKind) {
	t.Helper()
	if found := (*violation)(nil); !errors.As(err, &found) || found.kind != kind {
		t.Fatalf("expected a violation of kind %d, found: %v", kind, err)
	}
}

func requireHung(t *testing.T, err error, start string) {
	t.Helper()
	hung := (*threadGroupError)(nil)
	if !errors.As(err, &hung) || !hung.abandoned || !strings.HasPrefix(err.Error(), start) {
		t.Fatalf("expected %q, found: %v", start, err)
	}
}

func TestWorkersObeyQuitAndLeaveTheRest(t *testing.T) {
	for _, channel := range channels {
		task := newTestTask(t, channel, "worker_pool", "workers=2,capacity=16,quit=half", 2_000, time.Minute)
		round, err := workerPool.round(task)
		if err != nil {
			t.Fatal(err)
		}
		if round.messages < 1_000 || round.messages > 1_000+16+4 {
			t.Fatalf("%s: %d results of a pool that quits after 1000", channel.name, round.messages)
		}
		if len(round.figures) != 2 || round.figures[1].Name != drainAfterQuit {
			t.Fatalf("%s: %v", channel.name, round.figures)
		}
	}
}

func TestTooManyResultsAfterQuitAreAViolation(t *testing.T) {
	if found := checkQuit(66, capacity{slots: 64}, 1); found != nil {
		t.Fatal(found)
	}
	if found := checkQuit(67, capacity{slots: 64}, 1); found == nil || found.kind != quitIgnored {
		t.Fatal(found)
	}
	if found := checkQuit(1_000, capacity{unbounded: true}, 1); found != nil {
		t.Fatal(found)
	}
}

func TestAPanickingJobIsAnOutcomeWithItsMessage(t *testing.T) {
	for seq, wanted := range []jobOutcome{
		{kind: jobDone, value: 0},
		{kind: jobPanicked, reason: "a job that panics"},
		{kind: jobFailed, reason: "a job that fails"},
		{kind: jobDone, value: 9},
	} {
		if found := outcomeOf(uint64(seq), 0); found != wanted {
			t.Fatalf("job %d: %+v", seq, found)
		}
	}
}

func TestFiguresAreReportedOnlyWhereTheyApply(t *testing.T) {
	names := func(workload, params string) (names []string) {
		round, err := workloadNamed(workload).round(newTestTask(t, &goChan, workload, params, 2_000, time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		for _, figure := range round.figures {
			names = append(names, figure.Name)
		}
		return names
	}
	for _, c := range []struct{ workload, params, names string }{
		{"producer_consumer", "", ""},
		{"producer_consumer", "consumers=2", fairnessOfConsumers},
		{"producer_consumer", "producers=2", fairnessOfProducers},
		{"fan_in", "variant=select", fairnessOfProducers},
		{"worker_pool", "", jobsNeverTaken},
		{"token_bucket", "", tokensPerSecond + "|" + tokensDropped},
		{"open_loop", "rate=1000000", longestOversleep},
	} {
		if found := strings.Join(names(c.workload, c.params), "|"); found != c.names {
			t.Errorf("%s %s: %q, expected %q", c.workload, c.params, found, c.names)
		}
	}
}

func TestProducersTakeTurnsAtTheRate(t *testing.T) {
	plan := &schedule{rate: 1_000_000, producers: 2}
	for position, id := range []messageID{newID(0, 0), newID(1, 0), newID(0, 1), newID(1, 1), newID(0, 2)} {
		if found := plan.afterStart(id); found != int64(position)*1_000 {
			t.Errorf("%v is scheduled %d ns after the start, expected %d", id, found, position*1_000)
		}
	}
	if first := plan.startOf(5); first != 5+int64(lead) || plan.startOf(1_000) != first {
		t.Errorf("the first goroutine must set the start for all: %d, then %d", first, plan.startOf(1_000))
	}
}

// As if the channel had stalled for ten seconds: no message waits, and each is charged with its own delay.
func TestABacklogIsSentAtOnceAndCountsAsLatency(t *testing.T) {
	const late, messages = 10 * int64(time.Second), 1_000
	plan := &schedule{rate: 1_000, producers: 1}
	start := now() - late
	sender, receiver := open[message8](&goChan, capacity{slots: messages}, 1, 1)
	oversleep, found := sendBy(plan, start, sender, 0, messages)
	if found != nil || oversleep < late {
		t.Fatalf("oversleep %d ns, %v", oversleep, found)
	}
	sender.done()
	times := receiveBy(plan, start, receiver, newLedgerAmong([]uint64{messages}, newLastDelivery(1)), nil)
	if len(times) != messages {
		t.Fatalf("%d times", len(times))
	}
	for _, time := range times {
		// The schedule of all messages is one second long.
		if time < late-1_000_000_000 {
			t.Fatalf("%d ns", time)
		}
	}
}

func TestAllocationsAreCountedOnRequest(t *testing.T) {
	task := newTestTask(t, &goChan, "producer_consumer", "payload=box256", 2_000, time.Minute)
	task.allocations = true
	round, err := producerConsumer.round(task)
	if err != nil {
		t.Fatal(err)
	}
	// Each message is one allocation of 256 bytes; the round itself adds a few.
	if count := round.account.allocations; count < 2_000 || count > 2_200 {
		t.Errorf("%d allocations", count)
	}
	if bytes := round.account.allocatedBytes; bytes < 2_000*256 || bytes > 2_000*256+100_000 {
		t.Errorf("%d bytes", bytes)
	}
}
