package main

// The params of a workload: declared as data, parsed in one place, with one kind of error. Names, bounds,
// defaults and errors are those of the Rust harness (harness/workloads/src/params.rs), so that a cell is the
// same in both.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// The maximum number of goroutines of one role.
	maxThreads = 64
	// The maximum number of slots of a bounded channel.
	maxSlots = 1 << 20
)

type paramKind int

const (
	threadsParam paramKind = iota
	capacityParam
	numberParam
	choiceParam
)

type paramSpec struct {
	name    string
	kind    paramKind
	initial string
	// The bounds of a number, both included.
	min, max uint64
	// The words of a choice.
	words []string
}

func threadsSpec(name, initial string) paramSpec {
	return paramSpec{name: name, kind: threadsParam, initial: initial, min: 1, max: maxThreads}
}

func capacitySpec(initial string) paramSpec {
	return paramSpec{name: "capacity", kind: capacityParam, initial: initial}
}

func numberSpec(name, initial string, min, max uint64) paramSpec {
	return paramSpec{name: name, kind: numberParam, initial: initial, min: min, max: max}
}

func choiceSpec(name, initial string, words ...string) paramSpec {
	return paramSpec{name: name, kind: choiceParam, initial: initial, words: words}
}

func (s paramSpec) expected() string {
	switch s.kind {
	case threadsParam:
		return fmt.Sprintf("a number of threads from %d to %d", s.min, s.max)
	case capacityParam:
		return fmt.Sprintf("0 (rendezvous), a number of messages up to %d, or unbounded", maxSlots)
	case numberParam:
		return fmt.Sprintf("a whole number from %d to %d", s.min, s.max)
	default:
		return "one of " + strings.Join(s.words, ", ")
	}
}

// param is one value; the kind of its spec decides which member holds it.
type param struct {
	number   uint64
	capacity capacity
	word     string
}

func (s paramSpec) parse(text string) (param, bool) {
	switch s.kind {
	case capacityParam:
		switch text {
		case "unbounded":
			return param{capacity: capacity{unbounded: true}}, true
		case "rendezvous":
			return param{}, true
		}
		slots, err := strconv.ParseUint(text, 10, 64)
		return param{capacity: capacity{slots: int(slots)}}, err == nil && slots <= maxSlots
	case choiceParam:
		return param{word: text}, slices.Contains(s.words, text)
	default:
		number, err := strconv.ParseUint(text, 10, 64)
		return param{number: number}, err == nil && s.min <= number && number <= s.max
	}
}

// params are the values of all parameters of a workload, by name.
type params map[string]param

// parseParams parses the given values; a parameter that is not given has its initial value.
func parseParams(specs []paramSpec, given map[string]string) (params, error) {
	known := make([]string, len(specs))
	for index, spec := range specs {
		known[index] = spec.name
	}
	for name := range given {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown parameter %s: expected %s", name, strings.Join(known, ", "))
		}
	}
	parsed := params{}
	for _, spec := range specs {
		text, found := given[spec.name]
		if !found {
			text = spec.initial
		}
		value, valid := spec.parse(text)
		if !valid {
			return nil, fmt.Errorf("%s=%s: expected %s", spec.name, text, spec.expected())
		}
		parsed[spec.name] = value
	}
	return parsed, nil
}

func (p params) number(name string) uint64 { return p[name].number }

func (p params) threads(name string) int { return int(p[name].number) }

func (p params) choice(name string) string { return p[name].word }

// capacity returns the capacity, if the workload has this parameter, which is always called `capacity`.
func (p params) capacity() (capacity, bool) {
	found, has := p["capacity"]
	return found.capacity, has
}

// slots is the capacity as a number of messages; 0 if it is unbounded or there is no such parameter.
func (p params) slots() uint64 {
	return uint64(p["capacity"].capacity.slots)
}
