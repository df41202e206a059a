package main

// The figures of a round: fairness, and the latency of each message.

import (
	"math"
	"slices"
)

// figure is a number that a workload reports in addition to the time; its name contains the unit.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

const (
	fairnessOfConsumers = "fairness of consumers (Jain)"
	fairnessOfProducers = "fairness of producers (Jain)"
	jobsNeverTaken      = "jobs made and never taken"
	drainAfterQuit      = "drain after quit (ns)"
	tokensPerSecond     = "tokens granted in a second"
	tokensDropped       = "tokens dropped at a full bucket"
	longestOversleep    = "longest oversleep of a producer (ns)"
)

// jain is the index of R. Jain, D. Chiu and W. Hawe ("A Quantitative Measure of Fairness and Discrimination",
// 1984): 1 if all amounts are equal, 1/n if one of n has everything. Amounts that are all 0 count as fair.
func jain(amounts []float64) float64 {
	var sum, squares float64
	for _, amount := range amounts {
		sum += amount
		squares += amount * amount
	}
	if squares == 0 {
		return 1
	}
	return sum * sum / (float64(len(amounts)) * squares)
}

// consumersFairness compares the numbers of messages that several consumers took.
func consumersFairness(taken []uint64) []figure {
	if len(taken) < 2 {
		return nil
	}
	amounts := make([]float64, len(taken))
	for index, count := range taken {
		amounts[index] = float64(count)
	}
	return []figure{{fairnessOfConsumers, jain(amounts)}}
}

// producersFairness compares the rates of several producers: the share over the time from the start to the
// last send.
func producersFairness(opened moment, producers []*sending, shares []uint64) []figure {
	if len(producers) < 2 {
		return nil
	}
	rates := make([]float64, len(producers))
	for index, producer := range producers {
		// At least a nanosecond, in case the clock did not move.
		rates[index] = float64(shares[index]) / float64(max(producer.finished-opened, 1))
	}
	return []figure{{fairnessOfProducers, jain(rates)}}
}

// significant rounds to two significant digits.
func significant(nanos uint64) uint64 {
	unit := uint64(1)
	for nanos/unit >= 100 {
		unit *= 10
	}
	// 99.5 units and more become 100, which still has two significant digits.
	return uint64(math.Round(float64(nanos)/float64(unit))) * unit
}

// histogram rounds the times and counts them: pairs of a time and a count, rising.
func histogram(times []int64) [][2]uint64 {
	counts := map[uint64]uint64{}
	for _, time := range times {
		counts[significant(uint64(max(time, 0)))]++
	}
	pairs := make([][2]uint64, 0, len(counts))
	for time, count := range counts {
		pairs = append(pairs, [2]uint64{time, count})
	}
	slices.SortFunc(pairs, func(one, other [2]uint64) int {
		if one[0] < other[0] {
			return -1
		}
		return 1
	})
	return pairs
}
