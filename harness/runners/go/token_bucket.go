package main

// `token_bucket`: a rate limit held by a channel of tokens and a ticker that refills it.
//
// The guarantee: in no window of length w are more than burst + rate * w tokens granted. A tick may fall between a grant from
// a full bucket and the next, so the channel holds burst - 1, and the token that the ticker may add at any moment is the last
// of the burst. A ticker that is late does not catch up: the next tick comes at least one period after the last token went in.
//
// The check: the moment of a grant lies inside a receive. What is known for certain is the later of "the token was minted" and
// "the caller asked", and the bound holds for these moments too; the Rust workload (harness/src/workloads/token_bucket.rs)
// says why.

import (
	"fmt"
	"time"
)

var tokenBucket = workload{
	name: "token_bucket",
	params: []paramSpec{
		numberOf("rate", "10000000", 1_000, 1_000_000_000),
		numberOf("burst", "64", 2, 65_536),
		threadsOf("callers", "1"),
	},
	messages: func(p params) uint64 {
		// The burst, and then some milliseconds at the rate, but no more tokens than a fast ticker mints in that time.
		return p.number("burst") + min(max(p.number("rate")/200, 200), 10_000)
	},
	paced: func(p params, messages uint64) time.Duration {
		atTheRate := messages - min(messages, p.number("burst"))
		return tickPeriod(p) * time.Duration(min(atTheRate, 1<<32))
	},
	round: runTokenBucket,
}

type token struct {
	message message8
	minted  moment
}

// tickPeriod is the time between two ticks, rounded up: never faster than the rate.
func tickPeriod(p params) time.Duration {
	second, rate := uint64(time.Second), p.number("rate")
	return time.Duration((second + rate - 1) / rate)
}

// ticks is what a ticker did.
type ticks struct {
	passed moment
	// Tokens that went into the bucket, the initial ones among them.
	added uint64
	// Tokens that found it full, and the last one, which found nobody.
	refused uint64
	told    *fault
}

// caller is what a caller has seen when it ends.
type caller struct {
	receiving
	ended  moment
	grants []moment
}

func runTokenBucket(t *task) (*round, error) {
	callers, period := t.params.threads("callers"), tickPeriod(t.params)
	held := t.params.number("burst") - 1
	quotas := shares(t.messages, callers)
	var granted uint64
	for _, quota := range quotas {
		granted += quota
	}
	bucket, taking := open[token](t.channel, capacity{slots: int(held)}, 1, callers)
	crew := newCrew(1+callers, t)

	// The initial burst; the first tick, at the gate, adds the last token of it.
	for seq := range held {
		switch bucket.trySend(token{newMessage8(idOf(0, seq)), now()}) {
		case sentFull:
			return nil, faultCapacity(seq, held)
		case sentAbandoned:
			return nil, faultEarlyDisconnect("ticker")
		}
	}
	takers, ticked := heldBy(callers), &ticks{}
	crew.spawn("ticker", func(gate *gate) *fault {
		defer bucket.done()
		ticked.passed = gate.pass()
		ticked.added, ticked.refused = tick(bucket, held, period)
		ticked.told = takers.disconnected("ticker")
		return ticked.told
	})
	calls := make([]*caller, callers)
	for index, quota := range quotas {
		own := &caller{}
		calls[index] = own
		crew.spawn(fmt.Sprintf("caller %d", index), func(gate *gate) *fault {
			defer takers.leave(taking.done)
			// The tokens that are granted are the first ones, since a channel is a queue. Numbers beyond them are known to the
			// ledger, so that a lost token is found by its own gap and not by the next one's number.
			own.ledger = newLedger([]uint64{2 * granted})
			grants := make([]moment, 0, quota)
			own.passed = gate.pass()
			own.grants, own.told = take(taking, own.ledger, grants, quota)
			own.ended = now()
			return own.found()
		})
	}

	account, err := crew.join()
	if err != nil {
		return nil, err
	}
	opened, closed := ticked.passed, ticked.passed
	var ledgers []*ledger
	var grants []moment
	var found *fault
	for _, call := range calls {
		opened, closed = min(opened, call.passed), max(closed, call.ended)
		found = firstFault(found, call.told)
		ledgers, grants = append(ledgers, call.ledger), append(grants, call.grants...)
	}
	if found = firstFault(found, ticked.told); found != nil {
		return nil, found
	}
	delivered, found := join(ledgers...)
	if found = firstFault(found, delivered.complete(granted)); found != nil {
		return nil, found
	}
	if left := ticked.added - min(ticked.added, granted); left > held {
		return nil, faultCapacity(left, held)
	}
	if found := withinRate(grants, held+1, period); found != nil {
		return nil, found
	}
	wall := timedRegion(opened, closed)
	return &round{
		messages: delivered.count(),
		wall:     wall,
		account:  account,
		figures: []figure{
			{tokensInASecond, float64(granted) / time.Duration(max(wall, 1)).Seconds()},
			{tokensDropped, float64(ticked.refused)},
		},
	}, nil
}

// tick ticks until nobody takes tokens any more; the first tick is now. Tokens are numbered as they go in.
func tick(bucket *sender[token], initial uint64, period time.Duration) (added, refused uint64) {
	added = initial
	for {
		switch bucket.trySend(token{newMessage8(idOf(0, added)), now()}) {
		case sentAdded:
			added++
		case sentFull:
			refused++
		case sentAbandoned:
			return added, refused + 1
		}
		waitUntil(now() + int64(period))
	}
}

// take takes a caller's quota of tokens, and appends the moment after which each was granted.
func take(taking *receiver[token], ledger *ledger, grants []moment, quota uint64) ([]moment, *fault) {
	for range quota {
		asked := now()
		t, ok := taking.recv()
		if !ok {
			return grants, faultEarlyDisconnect("caller")
		}
		ledger.record(t.message.read())
		grants = append(grants, max(asked, t.minted))
	}
	return grants, nil
}
