package main

// A set of sequence numbers below a fixed bound, one bit for each.

import "math/bits"

type numbers []uint64

func newNumbers(bound uint64) numbers {
	return make(numbers, (bound+63)/64)
}

// insert adds the numbers from start up to, but not including, end. It returns a number that was in the set
// before, if any.
func (n numbers) insert(start, end uint64) (present uint64, found bool) {
	for number := start; number < end; {
		index, shift := number/64, number%64
		count := min(end-number, 64-shift)
		mask := (^uint64(0) >> (64 - count)) << shift
		if both := n[index] & mask; both != 0 && !found {
			present, found = index*64+uint64(bits.TrailingZeros64(both)), true
		}
		n[index] |= mask
		number += count
	}
	return present, found
}

func (n numbers) contains(number uint64) bool {
	return number/64 < uint64(len(n)) && n[number/64]&(1<<(number%64)) != 0
}

func (n numbers) count() (count uint64) {
	for _, word := range n {
		count += uint64(bits.OnesCount64(word))
	}
	return count
}
