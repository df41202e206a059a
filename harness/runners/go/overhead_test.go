package main

// What the harness costs beside a loop that one would write by hand: `go test -bench Overhead`. Both send numbered messages
// through the same channel; only one of them goes through this runner's handles, ledger and checks.

import (
	"testing"
	"time"
)

const overheadMessages = 400_000

func BenchmarkOverheadByHand(b *testing.B) {
	for range b.N {
		c := make(chan message8, 64)
		ended := make(chan uint64)
		go func() {
			var sum uint64
			for m := range c {
				sum += m.words[0]
			}
			ended <- sum
		}()
		for seq := range uint64(overheadMessages) {
			c <- newMessage8(messageID(seq))
		}
		close(c)
		if sum := <-ended; sum != overheadMessages*(overheadMessages-1)/2 {
			b.Fatal(sum)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/overheadMessages, "ns/message")
}

func BenchmarkOverheadOfRound(b *testing.B) {
	task := taskOf(b, &goChan, "producer_consumer", "capacity=64", overheadMessages, time.Minute)
	var wall int64
	for range b.N {
		round, err := producerConsumer.round(task)
		if err != nil {
			b.Fatal(err)
		}
		wall += round.wall
	}
	b.ReportMetric(float64(wall)/float64(b.N)/overheadMessages, "ns/message")
}
