package main

// The contract of a channel, for both implementations: capacity, closing, and reports of a disconnect.

import (
	"sync"
	"testing"
	"time"
)

var capacities = []capacity{{slots: 0}, {slots: 1}, {slots: 3}, {unbounded: true}}

// overEach runs a test for each channel and each capacity that it has.
func overEach(t *testing.T, test func(t *testing.T, c *channel, capacity capacity)) {
	for _, channel := range channels {
		for _, capacity := range capacities {
			if _, lacking := channel.lacks[unboundedCapacity]; lacking && capacity.unbounded {
				continue
			}
			t.Run(channel.name+"/"+capacity.String(), func(t *testing.T) { test(t, channel, capacity) })
		}
	}
}

func TestAChannelTakesExactlyItsCapacity(t *testing.T) {
	overEach(t, func(t *testing.T, c *channel, capacity capacity) {
		s, r := open[int](c, capacity, 1, 1)
		took := 0
		for took < 100 && s.trySend(took) == sentAdded {
			took++
		}
		if wanted := capacity.slots; !capacity.unbounded && took != wanted || capacity.unbounded && took != 100 {
			t.Fatalf("took %d", took)
		}
		s.done()
		for number := range took {
			if received, ok := r.recv(); !ok || received != number {
				t.Fatalf("received %d, %v as number %d", received, ok, number)
			}
		}
		for range 2 {
			if received, ok := r.recv(); ok {
				t.Fatalf("received %d after the end", received)
			}
		}
	})
}

func TestARingGoesRoundAndGrowsInOrder(t *testing.T) {
	for _, capacity := range capacities[1:] {
		s, r := open[int](&goMutexSlice, capacity, 1, 1)
		sent, received := 0, 0
		for step := 1; step <= 40; step++ {
			for range step {
				if s.trySend(sent) != sentAdded {
					break
				}
				sent++
			}
			for range (sent - received + 1) / 2 {
				if number, _ := r.recv(); number != received {
					t.Fatalf("capacity %v: received %d as number %d", capacity, number, received)
				}
				received++
			}
		}
	}
}

func TestSendOrGoneAndTrySendSeeThatTheReceiversAreGone(t *testing.T) {
	overEach(t, func(t *testing.T, c *channel, capacity capacity) {
		s, r := open[int](c, capacity, 1, 2)
		r.done()
		if !capacity.unbounded {
			requireWaitsForReceivers(t, s, r, capacity)
		} else {
			r.done()
		}
		if s.trySend(2) != sentAbandoned {
			t.Fatal("trySend does not report it")
		}
		if c.kind == mutexSlice && s.send(3) {
			t.Fatal("send does not report it")
		}
	})
}

// requireWaitsForReceivers checks that a send into a full channel waits while one receiver is open, and ends
// when it closes.
func requireWaitsForReceivers(t *testing.T, s *sender[int], r *receiver[int], capacity capacity) {
	t.Helper()
	for range capacity.slots {
		s.trySend(0)
	}
	sent := make(chan bool)
	go func() { sent <- s.sendOrGone(1) }()
	select {
	case <-sent:
		t.Fatal("the send ended while a receiver is open and the channel is full")
	case <-time.After(20 * time.Millisecond):
	}
	r.done()
	if <-sent {
		t.Fatal("sent although no receiver is left")
	}
}

func TestReceiversSeeADisconnectOnlyWhenTheLastSenderIsDone(t *testing.T) {
	overEach(t, func(t *testing.T, c *channel, capacity capacity) {
		s, r := open[int](c, capacity, 2, 3)
		received := make(chan bool, 3)
		for range 3 {
			go func() {
				_, ok := r.recv()
				received <- ok
			}()
		}
		s.done()
		select {
		case <-received:
			t.Fatal("a receive ended while a sender is open")
		case <-time.After(20 * time.Millisecond):
		}
		s.send(1)
		s.done()
		messages := 0
		for range 3 {
			if <-received {
				messages++
			}
		}
		if messages != 1 {
			t.Fatalf("%d messages of 1", messages)
		}
	})
}

// A send of a rendezvous ends only when its message has been received.
func TestARendezvousSendEndsWithItsReceive(t *testing.T) {
	for _, channel := range channels {
		s, r := open[int](channel, capacity{}, 1, 1)
		sent := make(chan struct{})
		go func() {
			s.send(7)
			close(sent)
		}()
		select {
		case <-sent:
			t.Fatalf("%s: sent without a receiver", channel.name)
		case <-time.After(20 * time.Millisecond):
		}
		if number, ok := r.recv(); !ok || number != 7 {
			t.Fatalf("%s: %d, %v", channel.name, number, ok)
		}
		<-sent
		// With a waiting receiver, trySend hands over as well.
		received := make(chan int)
		go func() {
			number, _ := r.recv()
			received <- number
		}()
		for s.trySend(8) != sentAdded {
			time.Sleep(time.Millisecond)
		}
		if number := <-received; number != 8 {
			t.Fatalf("%s: %d", channel.name, number)
		}
	}
}

func TestManyReceiversGetEachMessageOfManySendersOnce(t *testing.T) {
	overEach(t, func(t *testing.T, c *channel, capacity capacity) {
		const parties, each = 4, 2_000
		s, r := open[int](c, capacity, parties, parties)
		var receivers sync.WaitGroup
		counts := make([][parties * each]int, parties)
		for party := range parties {
			receivers.Add(1)
			go func() {
				defer receivers.Done()
				for {
					number, ok := r.recv()
					if !ok {
						return
					}
					counts[party][number]++
				}
			}()
			go func() {
				defer s.done()
				for number := range each {
					s.send(party*each + number)
				}
			}()
		}
		receivers.Wait()
		for number := range parties * each {
			count := 0
			for party := range parties {
				count += counts[party][number]
			}
			if count != 1 {
				t.Fatalf("number %d was received %d times", number, count)
			}
		}
	})
}
