package main

// The protocol, driven through pipes as chanlab drives it.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// driver drives a runner through two pipes.
type driver struct {
	t        *testing.T
	requests *io.PipeWriter
	replies  *bufio.Scanner
	ended    chan error
}

func drive(t *testing.T, channels []*channel) *driver {
	requests, input := io.Pipe()
	output, replies := io.Pipe()
	d := &driver{t: t, requests: input, replies: bufio.NewScanner(output), ended: make(chan error, 1)}
	d.replies.Buffer(nil, maxLineLen)
	go func() {
		d.ended <- serve(requests, replies, channels)
		replies.Close()
	}()
	return d
}

// reply reads the next reply.
func (d *driver) reply() map[string]any {
	d.t.Helper()
	if !d.replies.Scan() {
		d.t.Fatalf("no reply: %v", d.replies.Err())
	}
	var members map[string]any
	if err := json.Unmarshal(d.replies.Bytes(), &members); err != nil {
		d.t.Fatalf("%s: %v", d.replies.Bytes(), err)
	}
	return members
}

func (d *driver) write(text string) {
	d.t.Helper()
	if _, err := io.WriteString(d.requests, text); err != nil {
		d.t.Fatal(err)
	}
}

func (d *driver) ask(line string) map[string]any {
	d.t.Helper()
	d.write(line + "\n")
	return d.reply()
}

func (d *driver) requireEnd() {
	d.t.Helper()
	if d.replies.Scan() {
		d.t.Fatalf("a reply without a request: %s", d.replies.Bytes())
	}
	if err := <-d.ended; err != nil {
		d.t.Fatal(err)
	}
}

func planLine(cell int, channel, workload, params, more string) string {
	return fmt.Sprintf(`{"kind":"plan","cell":%d,"channel":%q,"workload":%q,"params":%s,%s}`,
		cell, channel, workload, params, more)
}

const usual = `"messages":500,"deadline_ns":30000000000,"placement":"any","allocations":false`

func TestARunnerSaysHelloPlansRunsAndQuits(t *testing.T) {
	d := drive(t, channels)
	hello := d.reply()
	if hello["kind"] != "hello" || hello["protocol"] != 2.0 || len(hello["channels"].([]any)) != 2 {
		t.Fatal(hello)
	}
	names := fmt.Sprint(hello["workloads"])
	if names != "[producer_consumer fan_in pipeline worker_pool token_bucket ping_pong open_loop]" {
		t.Fatal(names)
	}
	planned := d.ask(planLine(7, "go-chan", "producer_consumer", `{"capacity":"16"}`, usual))
	if fmt.Sprint(planned) != "map[cell:7 effective_capacity:16 kind:planned messages:500]" {
		t.Fatal(planned)
	}
	round := d.ask(`{"kind":"round","cell":7,"round":3}`)
	if round["kind"] != "round" || round["cell"] != 7.0 || round["round"] != 3.0 || round["messages"] != 500.0 {
		t.Fatal(round)
	}
	if round["wall_ns"].(float64) <= 0 || round["spin_ns"].(float64) <= 0 {
		t.Fatal(round)
	}
	for _, absent := range []string{"allocations", "allocated_bytes", "latency", "counters"} {
		if value, there := round[absent]; there {
			t.Fatalf("%s is %v although it was neither requested nor measured", absent, value)
		}
	}
	d.write(`{"kind":"quit"}` + "\n")
	d.requireEnd()
}

func TestARunnerEndsWithItsInput(t *testing.T) {
	d := drive(t, channels)
	d.reply()
	d.requests.Close()
	d.requireEnd()
}

func TestARunnerEndsWhenItsOutputIsClosed(t *testing.T) {
	output, replies := io.Pipe()
	output.Close()
	if err := serve(strings.NewReader(`{"kind":"quit"}`), replies, channels); err == nil {
		t.Fatal("a closed output is no error")
	}
}

func TestEveryInvalidRequestGetsOneError(t *testing.T) {
	d := drive(t, channels)
	d.reply()
	for _, c := range []struct{ line, message string }{
		{`{"kind":"round","cell":7,"round":1}`, "cell 7 was not planned"},
		{`{"kind":"dance"}`, `unknown kind "dance"`},
		{`{"Kind":"quit"}`, `unknown kind ""`},
		{`{}`, `unknown kind ""`},
		{``, "no request"},
		{`[]`, "no request"},
		{`null`, "no request"},
		{`{"kind":"quit"`, "no request"},
		{`{"kind":"quit"} {}`, "no request"},
		{"{\"kind\":\"qu\xffit\"}", "not UTF-8"},
		{`{"kind":"round","cell":-1,"round":1}`, "no request: cell"},
		{`{"kind":"round","cell":1.5,"round":1}`, "no request: cell"},
		{`{"kind":"round","cell":9007199254740992,"round":1}`, "at most 9007199254740991"},
		{`{"kind":"round","cell":7}`, "round lacks round"},
		{strings.Repeat("x", maxLineLen+1), "a line of more than 1048576 bytes"},
		{planLine(1, "flum", "ping_pong", `{}`, usual), "unknown channel flum: expected one of go-chan, go-mutex-slice"},
		{planLine(1, "go-chan", "ring", `{}`, usual), "unknown workload ring: expected one of producer_consumer, fan_in"},
		{planLine(1, "go-chan", "ping_pong", `{"colour":"red"}`, usual), "ping_pong: unknown parameter colour"},
		{planLine(1, "go-chan", "ping_pong", `{"capacity":"-1"}`, usual), "capacity=-1: expected 0 (rendezvous), a number"},
		{planLine(1, "go-chan", "pipeline", `{"workers":"65"}`, usual), "workers=65: expected a number of threads from 1 to 64"},
		{planLine(1, "go-chan", "ping_pong", `{}`, `"placement":"roof"`), "unknown placement roof"},
		{planLine(1, "go-chan", "ping_pong", `{"capacity":"64"}`, `"messages":255`),
			"255 messages over capacity 64: expected at least 256"},
		{`{"kind":"plan","cell":1,"channel":"go-chan","workload":"ping_pong"}`, "plan lacks params"},
	} {
		reply := d.ask(c.line)
		if message, _ := reply["message"].(string); reply["kind"] != "error" || !strings.Contains(message, c.message) {
			t.Errorf("%.80s: %v, expected %s", c.line, reply, c.message)
		}
	}
	// The line after a long one is read from its beginning, and unknown members are ignored.
	planned := d.ask(planLine(1, "go-chan", "ping_pong", `{}`, usual+`,"colour":{"red":[1]}`))
	if planned["kind"] != "planned" {
		t.Fatal(planned)
	}
	d.requests.Close()
	d.requireEnd()
}

func TestWhatARunnerLacksIsUnsupported(t *testing.T) {
	d := drive(t, channels)
	d.reply()
	d.ask(planLine(5, "go-chan", "ping_pong", `{}`, usual))
	for _, c := range []struct{ line, reason string }{
		{planLine(5, "go-chan", "ping_pong", `{"capacity":"unbounded"}`, usual), "unbounded capacity (make takes"},
		{planLine(5, "go-mutex-slice", "fan_in", `{"variant":"select"}`, usual), "select over receivers (a wait is"},
		{planLine(5, "go-chan", "ping_pong", `{"placement":"two-cores"}`, usual), "not available here: goroutines on two cores"},
		{planLine(5, "go-chan", "pipeline", `{}`, `"placement":"two-cores"`), "not available here: goroutines on two cores"},
	} {
		reply := d.ask(c.line)
		if reason, _ := reply["reason"].(string); reply["kind"] != "unsupported" || !strings.HasPrefix(reason, c.reason) {
			t.Errorf("%s: %v", c.line, reply)
		}
	}
	// A failed plan also removes an earlier plan with the same number.
	if reply := d.ask(`{"kind":"round","cell":5,"round":1}`); reply["message"] != "cell 5 was not planned" {
		t.Error(reply)
	}
	d.requests.Close()
	d.requireEnd()
}

func TestAViolationFailsTheRoundAndOnlyAHangAbandonsIt(t *testing.T) {
	losing := goChan
	losing.name, losing.mutant = "losing", dropOne
	hanging := goChan
	hanging.name, hanging.mutant = "hanging", hang
	d := drive(t, []*channel{&losing, &hanging})
	d.reply()
	d.ask(planLine(1, "losing", "producer_consumer", `{}`, usual))
	failed := d.ask(`{"kind":"round","cell":1,"round":4}`)
	wanted := "map[abandoned:false cause:violation cell:1 kind:failed " +
		"reason:wrong: lost 1 message(s), the first is message 10 of producer 0 round:4]"
	if fmt.Sprint(failed) != wanted {
		t.Errorf("%v, expected %s", failed, wanted)
	}
	d.ask(planLine(2, "hanging", "producer_consumer", `{}`, `"messages":500,"deadline_ns":200000000`))
	failed = d.ask(`{"kind":"round","cell":2,"round":5}`)
	wanted = "map[abandoned:true cause:hang cell:2 kind:failed " +
		"reason:hung: after 0.2 s producer 0, consumer 0 still had not ended round:5]"
	if fmt.Sprint(failed) != wanted {
		t.Errorf("%v, expected %s", failed, wanted)
	}
	d.requests.Close()
	d.requireEnd()
}

func TestLatencyCoversEachTripButTheFirst(t *testing.T) {
	d := drive(t, channels)
	d.reply()
	d.ask(planLine(1, "go-mutex-slice", "ping_pong", `{}`, `"messages":400,"allocations":true`))
	round := d.ask(`{"kind":"round","cell":1,"round":1}`)
	trips, last := 0.0, -1.0
	for _, pair := range round["latency"].([]any) {
		time, count := pair.([]any)[0].(float64), pair.([]any)[1].(float64)
		if time <= last {
			t.Fatalf("%v does not rise", round["latency"])
		}
		trips, last = trips+count, time
	}
	// The first of 200 is left out.
	if trips != 199 {
		t.Fatalf("%v trips of 199", trips)
	}
	if _, has := round["allocations"]; !has {
		t.Fatal(round)
	}
	d.requests.Close()
	d.requireEnd()
}

func TestSizesAndDeadlinesMatchTheRustHarness(t *testing.T) {
	for _, c := range []struct {
		workload, params string
		messages         uint64
	}{
		{"producer_consumer", "", 40_000},
		{"producer_consumer", "capacity=1", 2_000},
		{"producer_consumer", "capacity=65536", 262_144},
		// 40,000 messages of 1,000,000 steps of at most 10 ns are 400 s; but workTime, like Rust's, counts at
		// most 2^32 steps, which are 42.9 s.
		{"producer_consumer", "work=1000000", 465},
		{"fan_in", "", 20_000},
		{"pipeline", "work=1000", 10_000},
		{"worker_pool", "capacity=0", 2_048},
		{"token_bucket", "", 10_064},
		{"token_bucket", "rate=100000", 564},
		// 64 at once and 200 more, a millisecond apart, take less than half a second.
		{"token_bucket", "rate=1000", 264},
		{"ping_pong", "capacity=unbounded", 2_000},
	} {
		task := newTestTask(t, &goChan, c.workload, c.params, 0, time.Second)
		if task.messages != c.messages {
			t.Errorf("%s %s: %d messages, expected %d", c.workload, c.params, task.messages, c.messages)
		}
	}
	task, err := producerConsumer.newTask(&goChan, newTestTask(t, &goChan, "producer_consumer", "", 0, 0).params, new(uint64), nil)
	if err == nil {
		t.Errorf("a round of no messages: %+v", task)
	}
	many := uint64(1_000_001)
	task, err = producerConsumer.newTask(&goChan, newTestTask(t, &goChan, "producer_consumer", "", 0, 0).params, &many, nil)
	if err != nil || task.deadline != 60*time.Second {
		t.Errorf("%+v, %v", task, err)
	}
}
