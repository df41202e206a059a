package main

// The cost of the harness compared with a hand-written loop: `go test -bench Overhead`. Both send numbered
// messages through the same channel; only one of them uses this runner's handles, ledger and checks.

import (
	"testing"
	"time"
)

const overheadMessages = 400_000

func BenchmarkOverheadByHand8(b *testing.B)     { byHand[[1]uint64](b) }
func BenchmarkOverheadOfRound8(b *testing.B)    { ofRound(b, "payload=8") }
func BenchmarkOverheadByHand1024(b *testing.B)  { byHand[[128]uint64](b) }
func BenchmarkOverheadOfRound1024(b *testing.B) { ofRound(b, "payload=1024") }

func byHand[W words](b *testing.B) {
	for range b.N {
		c := make(chan message[W], 64)
		sound := make(chan int)
		go func() {
			count := 0
			for m := range c {
				if _, right := m.read(); right {
					count++
				}
			}
			sound <- count
		}()
		go func() {
			for seq := range uint64(overheadMessages) {
				var m message[W]
				m.fill(messageID(seq))
				c <- m
			}
			close(c)
		}()
		if count := <-sound; count != overheadMessages {
			b.Fatal(count)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/overheadMessages, "ns/message")
}

func ofRound(b *testing.B, params string) {
	task := newTestTask(b, &goChan, "producer_consumer", params, overheadMessages, time.Minute)
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
