package main

// The clock that all moments of a round are read from, and the work that fills it.

import (
	"math"
	"math/bits"
	"runtime"
	"time"
)

// moment is a time on the monotonic clock, in nanoseconds since the runner started.
type moment = int64

var started = time.Now()

func now() moment {
	return int64(time.Since(started))
}

// shortestSleep: a time shorter than this is waited for by yielding, since a sleep is longer.
const shortestSleep = 200 * time.Microsecond

func waitUntil(then moment) {
	for {
		left := time.Duration(then - now())
		switch {
		case left <= 0:
			return
		case left > shortestSleep:
			time.Sleep(left - shortestSleep)
		default:
			// Whoever waits shares its processor with those that it waits for.
			runtime.Gosched()
		}
	}
}

// longestStep: a step of work takes at most about so long.
const longestStep = 10 * time.Nanosecond

// work does so many steps of integer work, of about a nanosecond each. A step is one of xorshift64 (G. Marsaglia, "Xorshift
// RNGs", 2003), and each depends on the one before. Not inlined, so that the compiler cannot see that nobody wants the result.
//
//go:noinline
func work(steps uint64) uint64 {
	state := steps
	for ; steps > 0; steps-- {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
	}
	return state
}

// workTime is what so many messages of so many steps take at most, on one processor.
func workTime(steps, messages uint64) time.Duration {
	high, low := bits.Mul64(steps, messages)
	if high > 0 {
		low = math.MaxUint64
	}
	return longestStep * time.Duration(min(low, math.MaxUint32))
}

// shares shares messages among producers as evenly as possible; every producer has at least one.
func shares(messages uint64, producers int) []uint64 {
	count := uint64(producers)
	shared := make([]uint64, producers)
	for producer := range shared {
		shared[producer] = messages / count
		if uint64(producer) < messages%count {
			shared[producer]++
		}
		shared[producer] = max(shared[producer], 1)
	}
	return shared
}
