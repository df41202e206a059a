package main

// The violations that a check can find in a round, as types and in the words that every runner uses.

import (
	"fmt"
	"time"
)

type violationKind int

const (
	lost violationKind = iota
	doubled
	reordered
	forged
	corrupt
	earlyDisconnect
	noBackPressure
	quitIgnored
	wrongResult
	overGranted
	wrongCapacity
)

// violation is what a check found in a round. It voids the round's time.
type violation struct {
	kind violationKind
	text string
}

func (v *violation) Error() string { return "wrong: " + v.text }

func violationLost(first messageID, count uint64) *violation {
	return &violation{lost, fmt.Sprintf("lost %d message(s), the first is %v", count, first)}
}

func violationDoubled(id messageID) *violation {
	return &violation{doubled, fmt.Sprintf("%v arrived twice", id)}
}

// violationReordered: the message arrived after a later one of its producer, at the same receiver on the same
// path.
func violationReordered(late messageID, after uint64) *violation {
	return &violation{reordered, fmt.Sprintf("%v arrived after message %d of the same producer", late, after)}
}

func violationForged(id messageID) *violation {
	return &violation{forged, fmt.Sprintf("%v arrived, but was never sent", id)}
}

func violationCorrupt() *violation {
	return &violation{corrupt, "a payload was damaged on the way"}
}

func violationEarlyDisconnect(role string) *violation {
	return &violation{earlyDisconnect,
		fmt.Sprintf("the %s saw a disconnect while the other side was open", role)}
}

func violationNoBackPressure(inFlight, limit uint64) *violation {
	return &violation{noBackPressure,
		fmt.Sprintf("%d messages were in flight where %d have room: no back-pressure", inFlight, limit)}
}

func violationQuitIgnored(results, limit uint64) *violation {
	return &violation{quitIgnored,
		fmt.Sprintf("%d results came after the quit, where at most %d were in flight", results, limit)}
}

func violationWrongResult(id messageID) *violation {
	return &violation{wrongResult, fmt.Sprintf("the result of %v is not the expected one", id)}
}

func violationOverGranted(granted uint64, window time.Duration, allowed uint64) *violation {
	return &violation{overGranted,
		fmt.Sprintf("%d tokens were granted within %v, where %d are allowed", granted, window, allowed)}
}

func violationCapacity(took, declared uint64) *violation {
	return &violation{wrongCapacity,
		fmt.Sprintf("the channel took %d messages, and its declared capacity is %d", took, declared)}
}

// firstViolation returns the first that is not nil.
func firstViolation(violations ...*violation) *violation {
	for _, found := range violations {
		if found != nil {
			return found
		}
	}
	return nil
}
