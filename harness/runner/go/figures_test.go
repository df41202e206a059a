package main

// Jain's index, the rounding of latencies, and the token bucket's bound.

import (
	"math"
	"math/rand"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestJainIsOneForEqualAmountsAndFallsToOneNth(t *testing.T) {
	for _, c := range []struct {
		amounts []float64
		index   float64
	}{
		{[]float64{5, 5, 5}, 1},
		{[]float64{7, 0, 0, 0}, 0.25},
		// (1+2+3)^2 / (3 * (1+4+9))
		{[]float64{1, 2, 3}, 36.0 / 42.0},
		{[]float64{0, 0}, 1},
	} {
		if found := jain(c.amounts); math.Abs(found-c.index) > 1e-12 {
			t.Errorf("%v: %v, expected %v", c.amounts, found, c.index)
		}
	}
}

func TestRatesOfProducersAreTheirSharesOverTheirTimes(t *testing.T) {
	producers := []*sending{{finished: 1_100}, {finished: 2_100}}
	// 10 in 1,000 ns and 20 in 2,000 ns: the same rate.
	if found := producersFairness(100, producers, []uint64{10, 20}); found[0].Value != 1 {
		t.Error(found)
	}
	// 10 in 1,000 ns and 10 in 2,000 ns: 1.5^2 / (2 * 1.25).
	if found := producersFairness(100, producers, []uint64{10, 10}); math.Abs(found[0].Value-0.9) > 1e-12 {
		t.Error(found)
	}
	if found := producersFairness(100, producers[:1], []uint64{10}); found != nil {
		t.Error(found)
	}
}

func TestTimesKeepTwoSignificantDigits(t *testing.T) {
	for nanos, rounded := range map[uint64]uint64{
		0: 0, 7: 7, 99: 99, 100: 100, 104: 100, 106: 110, 994: 990, 996: 1_000, 12_345: 12_000, 1_987_654_321: 2_000_000_000,
	} {
		if found := significant(nanos); found != rounded {
			t.Errorf("%d: %d, expected %d", nanos, found, rounded)
		}
	}
	pairs := histogram([]int64{996, 130, 134, 7, 1_001, 126})
	if wanted := [][2]uint64{{7, 1}, {130, 3}, {1_000, 2}}; !reflect.DeepEqual(pairs, wanted) {
		t.Error(pairs)
	}
}

const testPeriod = 10 * time.Microsecond

func overGrants(micros []int64, burst uint64) *violation {
	var grants []moment
	for _, at := range micros {
		grants = append(grants, at*1_000)
	}
	return withinRate(grants, burst, testPeriod)
}

func TestABurstAndThenTheRateIsAllowed(t *testing.T) {
	if found := overGrants([]int64{0, 0, 0, 10, 20, 30}, 3); found != nil {
		t.Error(found)
	}
}

func TestOneTokenTooManyIsFoundInAnyWindow(t *testing.T) {
	for _, micros := range [][]int64{{0, 0, 0, 9, 20, 30}, {0, 40, 80, 80, 80, 80}, {80, 80, 80, 40, 80, 0}} {
		found := overGrants(micros, 3)
		if found == nil || found.kind != overGranted {
			t.Errorf("%v: %v", micros, found)
		}
	}
	found := overGrants([]int64{0, 0, 0, 9, 20, 30}, 3)
	if found.text != "4 tokens were granted within 9µs, where 3 are allowed" {
		t.Error(found)
	}
	if overGrants([]int64{0, 8, 16, 24, 32, 40, 48}, 2) == nil {
		t.Error("a slightly excessive rate is not found")
	}
}

// The linear check must agree with the definition, applied to every window.
func TestTheLinearCheckAgreesWithTheDefinition(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	allowed, refused := 0, 0
	for range 20_000 {
		micros := make([]int64, random.Intn(24))
		for index := range micros {
			micros[index] = random.Int63n(300)
		}
		burst := uint64(1 + random.Intn(8))
		sorted := slices.Clone(micros)
		slices.Sort(sorted)
		within := true
		for first := range sorted {
			for last := first; last < len(sorted); last++ {
				window := sorted[last] - sorted[first]
				within = within && uint64(last-first+1) <= burst+uint64(window/testPeriod.Microseconds())
			}
		}
		if found := overGrants(micros, burst); (found == nil) != within {
			t.Fatalf("%v, burst %d: %v", sorted, burst, found)
		}
		if within {
			allowed++
		} else {
			refused++
		}
	}
	if allowed < 1_000 || refused < 1_000 {
		t.Fatalf("%d allowed and %d refused: the cases are one-sided", allowed, refused)
	}
}
