package main

// The lines of the runner protocol, version 2, as types. `harness/runner/PROTOCOL.md` defines them.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	protocolVersion = 2
	// The maximum length of a line in bytes, without its newline.
	maxLineLen = 1 << 20
	// The largest number.
	maxNumber = 1<<53 - 1
)

// request is one line from chanlab. Members that its kind does not have are nil.
type request struct {
	kind               string
	cell, round        *uint64
	channel, workload  *string
	params             map[string]string
	messages, deadline *uint64
	placement          *string
	allocations        bool
}

// parseRequest parses a line. Members are looked up by their exact names, since Go's decoder would accept
// `Kind` for `kind`; unknown members are ignored.
func parseRequest(line []byte) (*request, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("no request: not UTF-8")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return nil, fmt.Errorf("no request: %w", err)
	}
	r := &request{}
	for name, into := range map[string]any{
		"kind": &r.kind, "cell": &r.cell, "round": &r.round, "channel": &r.channel, "workload": &r.workload,
		"params": &r.params, "messages": &r.messages, "deadline_ns": &r.deadline, "placement": &r.placement,
		"allocations": &r.allocations,
	} {
		value, found := members[name]
		if !found {
			continue
		}
		if err := json.Unmarshal(value, into); err != nil {
			return nil, fmt.Errorf("no request: %s: %w", name, err)
		}
	}
	for name, number := range map[string]*uint64{
		"cell": r.cell, "round": r.round, "messages": r.messages, "deadline_ns": r.deadline,
	} {
		if number != nil && *number > maxNumber {
			return nil, fmt.Errorf("no request: %s: expected at most %d", name, uint64(maxNumber))
		}
	}
	return r, r.complete()
}

// complete returns an error if a member that its kind needs is missing.
func (r *request) complete() error {
	needed := map[string]bool{}
	switch r.kind {
	case "plan":
		needed = map[string]bool{
			"cell": r.cell != nil, "channel": r.channel != nil, "workload": r.workload != nil, "params": r.params != nil,
		}
	case "round":
		needed = map[string]bool{"cell": r.cell != nil, "round": r.round != nil}
	case "quit":
	default:
		return fmt.Errorf("no request: unknown kind %q: expected plan, round or quit", r.kind)
	}
	for name, there := range needed {
		if !there {
			return fmt.Errorf("no request: %s lacks %s", r.kind, name)
		}
	}
	return nil
}

type helloReply struct {
	Kind      string            `json:"kind"`
	Protocol  int               `json:"protocol"`
	Runner    string            `json:"runner"`
	Language  string            `json:"language"`
	Channels  []channelHello    `json:"channels"`
	Workloads []string          `json:"workloads"`
	Meters    []string          `json:"meters"`
	Without   map[string]string `json:"without"`
}

type channelHello struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	About   string   `json:"about"`
	Lacks   []lack   `json:"lacks"`
	Notes   []string `json:"notes"`
}

type lack struct {
	Capability capability `json:"capability"`
	Reason     string     `json:"reason"`
}

type plannedReply struct {
	Kind              string  `json:"kind"`
	Cell              uint64  `json:"cell"`
	Messages          uint64  `json:"messages"`
	EffectiveCapacity *string `json:"effective_capacity"`
}

type unsupportedReply struct {
	Kind   string `json:"kind"`
	Cell   uint64 `json:"cell"`
	Reason string `json:"reason"`
}

type errorReply struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// roundReply has a member for each meter. A missing meter is nil and left out, never a zero.
type roundReply struct {
	Kind           string      `json:"kind"`
	Cell           uint64      `json:"cell"`
	Round          uint64      `json:"round"`
	Messages       uint64      `json:"messages"`
	WallNanos      int64       `json:"wall_ns"`
	UserNanos      *int64      `json:"user_ns,omitempty"`
	SystemNanos    *int64      `json:"system_ns,omitempty"`
	Voluntary      *int64      `json:"voluntary,omitempty"`
	Involuntary    *int64      `json:"involuntary,omitempty"`
	Allocations    *uint64     `json:"allocations,omitempty"`
	AllocatedBytes *uint64     `json:"allocated_bytes,omitempty"`
	PeakBytes      *uint64     `json:"peak_bytes,omitempty"`
	Figures        []figure    `json:"figures,omitempty"`
	Latency        [][2]uint64 `json:"latency,omitempty"`
	SpinNanos      int64       `json:"spin_ns"`
}

// cause is why a round failed.
type cause string

const (
	causeHang      cause = "hang"
	causePanic     cause = "panic"
	causeViolation cause = "violation"
)

type failedReply struct {
	Kind      string `json:"kind"`
	Cell      uint64 `json:"cell"`
	Round     uint64 `json:"round"`
	Cause     cause  `json:"cause"`
	Reason    string `json:"reason"`
	Abandoned bool   `json:"abandoned"`
}

func newErrorReply(err error) errorReply {
	return errorReply{Kind: "error", Message: err.Error()}
}

// serve sends hello and answers requests until `quit` or the end of the input. Its error is that of a read or
// a write.
func serve(input io.Reader, output io.Writer, channels []*channel) error {
	runner := newRunner(channels)
	if err := reply(output, runner.hello()); err != nil {
		return err
	}
	for lines := bufio.NewReader(input); ; {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, errTooLong) {
			return err
		}
		var requested *request
		if err == nil {
			requested, err = parseRequest(line)
		}
		var answer any
		switch {
		case err != nil:
			answer = newErrorReply(err)
		case requested.kind == "plan":
			answer = runner.plan(requested)
		case requested.kind == "round":
			answer = runner.round(*requested.cell, *requested.round)
		default:
			return nil
		}
		if err := reply(output, answer); err != nil {
			return err
		}
	}
}

// reply writes one line in a single write.
func reply(output io.Writer, answer any) error {
	var line bytes.Buffer
	// Encode adds the newline. The escapes would only be needed in HTML.
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return err
	}
	_, err := output.Write(line.Bytes())
	return err
}

var errTooLong = fmt.Errorf("no request: a line of more than %d bytes", maxLineLen)

// readLine reads a line without its newline. A line that is too long is read to its end and discarded.
func readLine(input *bufio.Reader) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := input.ReadSlice('\n')
		tooLong = tooLong || len(line)+len(bytes.TrimSuffix(part, []byte("\n"))) > maxLineLen
		if !tooLong {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) == 0 && !tooLong:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case tooLong:
			return nil, errTooLong
		default:
			return bytes.TrimSuffix(line, []byte("\n")), nil
		}
	}
}
