package main

// The clock of a round, and the work that fills it.

import (
	"math"
	"math/bits"
	"runtime"
	"time"
)

// moment is a time on the monotonic clock, in nanoseconds since the runner started.
type moment = int64

var processStart = time.Now()

func now() moment {
	return int64(time.Since(processStart))
}

// minSleep is the shortest wait that sleeps. A shorter one yields, because the shortest sleep takes longer.
const minSleep = 200 * time.Microsecond

func waitUntil(then moment) {
	for {
		left := time.Duration(then - now())
		switch {
		case left <= 0:
			return
		case left > minSleep:
			time.Sleep(left - minSleep)
		default:
			// The goroutine may share its processor with those that it waits for.
			runtime.Gosched()
		}
	}
}

// maxStepTime is an upper bound on the time of one step of work.
const maxStepTime = 10 * time.Nanosecond

// work does `steps` steps of integer work, about a nanosecond each. A step is one of xorshift64 (G.
// Marsaglia, "Xorshift RNGs", 2003), and each depends on the one before. It is not inlined, so that the
// compiler does not see that the result is unused.
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

// workTime is an upper bound on the time that one processor needs for `messages` messages with `steps` steps
// each.
func workTime(steps, messages uint64) time.Duration {
	high, low := bits.Mul64(steps, messages)
	if high > 0 {
		low = math.MaxUint64
	}
	return maxStepTime * time.Duration(min(low, math.MaxUint32))
}

// shares divides messages among producers as evenly as possible; every producer gets at least one.
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
