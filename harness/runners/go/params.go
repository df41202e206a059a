package main

// The numbers of a workload: declared as data, parsed in one place, with one kind of error. Names, bounds, defaults and errors
// are those of the Rust harness (harness/src/params.rs), so that a cell is the same cell in both.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// The most goroutines of one role.
	mostThreads = 64
	// The most slots of a bounded channel.
	mostSlots = 1 << 20
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
	// Of a number, both included.
	least, most uint64
	// Of a choice.
	words []string
}

func threadsOf(name, initial string) paramSpec {
	return paramSpec{name: name, kind: threadsParam, initial: initial, least: 1, most: mostThreads}
}

func capacityOf(initial string) paramSpec {
	return paramSpec{name: "capacity", kind: capacityParam, initial: initial}
}

func numberOf(name, initial string, least, most uint64) paramSpec {
	return paramSpec{name: name, kind: numberParam, initial: initial, least: least, most: most}
}

func choiceOf(name, initial string, words ...string) paramSpec {
	return paramSpec{name: name, kind: choiceParam, initial: initial, words: words}
}

func (s paramSpec) expected() string {
	switch s.kind {
	case threadsParam:
		return fmt.Sprintf("a number of threads from %d to %d", s.least, s.most)
	case capacityParam:
		return fmt.Sprintf("0 (rendezvous), a number of messages up to %d, or unbounded", mostSlots)
	case numberParam:
		return fmt.Sprintf("a whole number from %d to %d", s.least, s.most)
	default:
		return "one of " + strings.Join(s.words, ", ")
	}
}

// param is one value; which member holds it is a matter of its spec's kind.
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
		return param{capacity: capacity{slots: int(slots)}}, err == nil && slots <= mostSlots
	case choiceParam:
		return param{word: text}, slices.Contains(s.words, text)
	default:
		number, err := strconv.ParseUint(text, 10, 64)
		return param{number: number}, err == nil && s.least <= number && number <= s.most
	}
}

// params are the values of all parameters of a workload, by name.
type params map[string]param

// parseParams reads what was given; a parameter that was not keeps its initial value.
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
		value, right := spec.parse(text)
		if !right {
			return nil, fmt.Errorf("%s=%s: expected %s", spec.name, text, spec.expected())
		}
		parsed[spec.name] = value
	}
	return parsed, nil
}

func (p params) number(name string) uint64 { return p[name].number }

func (p params) threads(name string) int { return int(p[name].number) }

func (p params) choice(name string) string { return p[name].word }

// capacity is the capacity, if the workload has one: it is always called so.
func (p params) capacity() (capacity, bool) {
	found, has := p["capacity"]
	return found.capacity, has
}

// slots is the channel's room as a number of messages, and 0 where there is no limit or no such parameter.
func (p params) slots() uint64 {
	return uint64(p["capacity"].capacity.slots)
}
