package main

// `token_bucket`: a rate limit, kept by a channel of tokens and a ticker that refills it.
//
// The guarantee: no window of length w contains more than burst + rate * w grants. A tick may fall between a
// grant from a full bucket and the next, so the channel holds burst - 1, and the token that the ticker may
// add at any moment is the last of the burst. A late ticker does not catch up: the next tick comes at least
// one period after the last token went in.
//
// The check: the moment of a grant lies inside a receive. What is certain is that it came after the token was
// minted and after the caller asked; the check uses the later of the two, for which the bound holds too. The
// Rust workload (harness/workloads/src/token_bucket.rs) explains why.

import (
	"fmt"
	"time"
)

var tokenBucket = workload{
	name: "token_bucket",
	params: []paramSpec{
		numberSpec("rate", "10000000", 1_000, 1_000_000_000),
		numberSpec("burst", "64", 2, 65_536),
		threadsSpec("callers", "1"),
	},
	messages: func(p params) uint64 {
		// The burst and then some milliseconds at the rate, but no more tokens than a fast ticker mints in
		// that time.
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

// ticks is what the ticker did.
type ticks struct {
	started moment
	// Tokens that went into the bucket, including the initial ones.
	added uint64
	// Tokens that found the bucket full, and the last one, which found no caller.
	refused    uint64
	disconnect *violation
}

// caller is what a caller did.
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
	group := newThreadGroup(1+callers, t)

	// The initial burst; the first tick, right after the barrier, adds its last token.
	for seq := range held {
		switch bucket.trySend(token{newMessage8(newID(0, seq)), now()}) {
		case sentFull:
			return nil, violationCapacity(seq, held)
		case sentAbandoned:
			return nil, violationEarlyDisconnect("ticker")
		}
	}
	takers, ticked := newEndpointCount(callers), &ticks{}
	group.spawn("ticker", func(barrier *startBarrier) *violation {
		defer bucket.done()
		ticked.started = barrier.wait()
		ticked.added, ticked.refused = tick(bucket, held, period)
		ticked.disconnect = takers.checkDisconnect("ticker")
		return ticked.disconnect
	})
	calls := make([]*caller, callers)
	for index, quota := range quotas {
		own := &caller{}
		calls[index] = own
		group.spawn(fmt.Sprintf("caller %d", index), func(barrier *startBarrier) *violation {
			defer takers.close(taking.done)
			// The granted tokens are the first ones, since a channel is a queue. The ledger also knows
			// numbers beyond them, so that a lost token shows as a gap and not as an unknown number.
			own.ledger = newLedger([]uint64{2 * granted})
			grants := make([]moment, 0, quota)
			own.started = barrier.wait()
			own.grants, own.disconnect = take(taking, own.ledger, grants, quota)
			own.ended = now()
			return own.firstViolation()
		})
	}

	account, err := group.join()
	if err != nil {
		return nil, err
	}
	opened, closed := ticked.started, ticked.started
	var ledgers []*ledger
	var grants []moment
	var found *violation
	for _, call := range calls {
		opened, closed = min(opened, call.started), max(closed, call.ended)
		found = firstViolation(found, call.disconnect)
		ledgers, grants = append(ledgers, call.ledger), append(grants, call.grants...)
	}
	if found = firstViolation(found, ticked.disconnect); found != nil {
		return nil, found
	}
	delivered, found := join(ledgers...)
	if found = firstViolation(found, delivered.complete(granted)); found != nil {
		return nil, found
	}
	if left := ticked.added - min(ticked.added, granted); left > held {
		return nil, violationCapacity(left, held)
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
			{tokensPerSecond, float64(granted) / time.Duration(max(wall, 1)).Seconds()},
			{tokensDropped, float64(ticked.refused)},
		},
	}, nil
}

// tick ticks until no caller is left; the first tick is immediate. Tokens are numbered as they go in.
func tick(bucket *sender[token], initial uint64, period time.Duration) (added, refused uint64) {
	added = initial
	for {
		switch bucket.trySend(token{newMessage8(newID(0, added)), now()}) {
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

// take takes a caller's quota of tokens, and appends for each a moment before its grant.
func take(taking *receiver[token], ledger *ledger, grants []moment, quota uint64) ([]moment, *violation) {
	for range quota {
		asked := now()
		t, ok := taking.recv()
		if !ok {
			return grants, violationEarlyDisconnect("caller")
		}
		ledger.record(t.message.read())
		grants = append(grants, max(asked, t.minted))
	}
	return grants, nil
}
