package main

// The token bucket's bound, checked for every window between two grants.

import (
	"math/bits"
	"slices"
	"time"
)

// withinRate checks that every window has at most burst grants plus one for each period in it.
//
// With the grants in order of time, those from i to j are within the bound if (j - i + 1 - burst) * period <=
// t_j - t_i. Let the lead of the n-th grant, at t, be n * period - t: a window has too many grants if the
// lead grows by more than (burst - 1) periods from its first grant to its last. So it is enough to keep the
// smallest lead so far: linear after the sort.
func withinRate(grants []moment, burst uint64, period time.Duration) *violation {
	slices.Sort(grants)
	allowed, fits := product(burst-1, period)
	if _, leadsFit := product(uint64(len(grants)), period); !fits || !leadsFit {
		panic("a bound or a round of centuries, which params and sizes rule out")
	}
	lead := func(index int) int64 { return int64(index)*int64(period) - grants[index] }
	first := 0
	for last := range grants {
		if lead(last) < lead(first) {
			first = last
		}
		if lead(last)-lead(first) > allowed {
			window := time.Duration(grants[last] - grants[first])
			return violationOverGranted(uint64(last-first+1), window, burst+uint64(window/period))
		}
	}
	return nil
}

// product returns count * period, and whether it fits into half the range of a moment.
func product(count uint64, period time.Duration) (int64, bool) {
	high, low := bits.Mul64(count, uint64(period))
	return int64(low), high == 0 && low < 1<<62
}
