package main

// The token bucket's bound, held against every window between two grants.

import (
	"math/bits"
	"slices"
	"time"
)

// withinRate checks every window: at most burst and one for each period in it.
//
// The grants from i to j in order of time are within the bound if (j - i + 1 - burst) * period <= t_j - t_i. For a grant at t
// that is the n-th let its lead be n * period - t: a window is over-granted when the lead grows by more than (burst - 1) periods
// from its first grant to its last. So it is enough to keep the least lead so far: linear after the sort.
func withinRate(grants []moment, burst uint64, period time.Duration) *fault {
	slices.Sort(grants)
	allowed, fits := product(burst-1, period)
	if _, leadsFit := product(uint64(len(grants)), period); !fits || !leadsFit {
		panic("a bound or a round of centuries: params and sizes do not allow it")
	}
	lead := func(index int) int64 { return int64(index)*int64(period) - grants[index] }
	first := 0
	for last := range grants {
		if lead(last) < lead(first) {
			first = last
		}
		if lead(last)-lead(first) > allowed {
			window := time.Duration(grants[last] - grants[first])
			return faultOverGranted(uint64(last-first+1), window, burst+uint64(window/period))
		}
	}
	return nil
}

// product is count * period, and whether half the range of a moment holds it.
func product(count uint64, period time.Duration) (int64, bool) {
	high, low := bits.Mul64(count, uint64(period))
	return int64(low), high == 0 && low < 1<<62
}
