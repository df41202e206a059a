package main

// What can be wrong with a round, in types and in the words that every runner uses for it.

import (
	"fmt"
	"time"
)

type faultKind int

const (
	lost faultKind = iota
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

// fault is what was wrong with a round. The round's time is void.
type fault struct {
	kind faultKind
	text string
}

func (f *fault) Error() string { return "wrong: " + f.text }

func faultLost(first messageID, count uint64) *fault {
	return &fault{lost, fmt.Sprintf("lost %d message(s), the first is %v", count, first)}
}

func faultDoubled(id messageID) *fault {
	return &fault{doubled, fmt.Sprintf("%v arrived twice", id)}
}

// faultReordered: the message came after a later one of its producer, at the same receiver by the same way.
func faultReordered(late messageID, after uint64) *fault {
	return &fault{reordered, fmt.Sprintf("%v arrived after message %d of the same producer", late, after)}
}

func faultForged(id messageID) *fault {
	return &fault{forged, fmt.Sprintf("%v arrived, but was never sent", id)}
}

func faultCorrupt() *fault {
	return &fault{corrupt, "a payload was damaged on the way"}
}

func faultEarlyDisconnect(who string) *fault {
	return &fault{earlyDisconnect,
		fmt.Sprintf("the %s was told of a disconnect while the other side was there", who)}
}

func faultNoBackPressure(inFlight, limit uint64) *fault {
	return &fault{noBackPressure,
		fmt.Sprintf("%d messages were in flight where %d have room: no back-pressure", inFlight, limit)}
}

func faultQuitIgnored(results, limit uint64) *fault {
	return &fault{quitIgnored,
		fmt.Sprintf("%d results came after the quit, where %d were under way", results, limit)}
}

func faultWrongResult(id messageID) *fault {
	return &fault{wrongResult, fmt.Sprintf("the result of %v is not what its job gives", id)}
}

func faultOverGranted(granted uint64, window time.Duration, allowed uint64) *fault {
	return &fault{overGranted,
		fmt.Sprintf("%d tokens were granted within %v, where %d are allowed", granted, window, allowed)}
}

func faultCapacity(took, declared uint64) *fault {
	return &fault{wrongCapacity,
		fmt.Sprintf("the channel took %d messages, and its declared capacity is %d", took, declared)}
}

// firstFault is the first that is one.
func firstFault(faults ...*fault) *fault {
	for _, found := range faults {
		if found != nil {
			return found
		}
	}
	return nil
}
