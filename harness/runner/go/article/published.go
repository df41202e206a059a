package main

// The two functions of the article as published, with n for b.N. Each also counts and sums what it consumes,
// and the mutex version signals the end of its producer, for which the published one does not wait.

import "sync"

// result is what a variant consumed.
type result struct {
	consumed, sum int
	// left waits for the end of the producer and counts the items that were not consumed; nil if nothing can
	// be left.
	left func() int
}

// publishedChannel is BenchmarkBufferedChannel.
func publishedChannel(n int) (got result) {
	ch := make(chan int, 1024)
	go func() {
		for i := 0; i < n; i++ {
			ch <- i
		}
		close(ch)
	}()
	for v := range ch {
		got.consumed++
		got.sum += v
	}
	return got
}

// publishedMutex is BenchmarkMutexQueue. Its consumer takes an empty queue for the end of all items: it stops
// as soon as it is faster than the producer, which may be before the first item. Only n bounds the queue.
func publishedMutex(n int) (got result) {
	var mu sync.Mutex
	var queue []int
	done := make(chan struct{})
	go func() {
		for i := 0; i < n; i++ {
			mu.Lock()
			queue = append(queue, i)
			mu.Unlock()
		}
		close(done)
	}()
	for {
		mu.Lock()
		if len(queue) == 0 {
			mu.Unlock()
			break
		}
		got.consumed++
		got.sum += queue[0]
		queue = queue[1:]
		mu.Unlock()
	}
	// Called after the timed region, so that the producer does not disturb the next round.
	got.left = func() int {
		<-done
		return len(queue)
	}
	return got
}
