package main

// The delivery ledger: the record of what arrived, with which a round proves that each message arrived
// exactly once and in order. It follows the Rust harness's ledger (harness/workloads/src/ledger.rs), which
// gives the reasons.
//
// Each receiving goroutine keeps its own ledger, so nothing is shared while the clock runs, and a message
// that continues a run of consecutive ones costs a comparison. After the round the ledgers are joined and
// compared with what was sent.

import (
	"math/bits"
	"sync/atomic"
)

// lane is the latest messages of one producer on one path.
type lane struct {
	// Messages that the producer sends.
	share uint64
	// The current run: the messages from start up to, but not including, next have arrived one after the
	// other. They are not in the producer's set yet.
	start, next uint64
}

// ledger records the deliveries of one receiving goroutine.
type ledger struct {
	// For each producer and path.
	lanes []lane
	// The paths on which one producer's messages may arrive (the workers in between). Order holds on each
	// path.
	paths int
	// For each producer, the messages of its completed runs.
	seen []numbers
	// Messages recorded so far with their path, and the messages that all producers send.
	onPaths, total uint64
	violation      *violation
	lastAt         moment
	// Shared by all receivers of the round; nil for the only receiver.
	sharedLast *lastDelivery
}

// lastDelivery finds the round's last delivery among several receivers: it counts the producers whose last
// message has not arrived.
//
// The clock is read only where the last delivery may be, since a reading for each message would cost as much
// as the message. Any of several receivers may deliver last, so they count down the producers' last messages
// together, and each delivery after the count has reached zero reads the clock.
type lastDelivery struct {
	_    cacheLines
	left atomic.Int64
	_    cacheLines
}

// cacheLines separates what is written for each message from what others read: two lines, since processors
// prefetch the neighbour.
type cacheLines [128]byte

func newLastDelivery(producers int) *lastDelivery {
	e := &lastDelivery{}
	e.left.Store(int64(producers))
	return e
}

// newLedger returns a ledger for producers that send `shares` messages each, all on one path. The goroutine
// that uses it creates it.
func newLedger(shares []uint64) *ledger {
	return newLedgerWithPaths(shares, 1)
}

// newLedgerAmong returns the ledger of one of several receivers, which use recordAmong.
func newLedgerAmong(shares []uint64, last *lastDelivery) *ledger {
	l := newLedger(shares)
	l.sharedLast = last
	return l
}

// newLedgerWithPaths returns a ledger for messages that arrive on different paths and are in order only on
// each of them.
func newLedgerWithPaths(shares []uint64, paths int) *ledger {
	// Go's allocator places small objects of the same size next to each other, so lanes have padding on both
	// sides: what one receiver writes for each message must not share a cache line with another's.
	const room = 6
	count := len(shares) * paths
	l := &ledger{lanes: make([]lane, count+2*room)[room : room+count], paths: paths}
	for producer, share := range shares {
		for path := range paths {
			l.lanes[producer*paths+path].share = share
		}
		l.seen = append(l.seen, newNumbers(share))
		l.total += share
	}
	return l
}

// record records a message that was read, and returns whether it is sound.
func (l *ledger) record(id messageID, sound bool) bool {
	if producer := id.producer(); sound && producer < len(l.lanes) {
		// The usual case: the next message of a run, and not the producer's last.
		if lane := &l.lanes[producer]; id.seq() == lane.next && lane.next+1 < lane.share {
			lane.next++
			return true
		}
	}
	return l.recordUnusual(id, sound, 0)
}

// recordAmong is record for one of several receivers.
func (l *ledger) recordAmong(id messageID, sound bool) bool {
	ok := l.record(id, sound)
	if l.sharedLast.left.Load() == 0 {
		l.lastAt = now()
	}
	return ok
}

// recordOnPath is record for a message that arrived on one of several paths.
func (l *ledger) recordOnPath(id messageID, sound bool, path int) bool {
	if !l.recordUnusual(id, sound, path) {
		return false
	}
	l.onPaths++
	// The producer's last message need not arrive last, since paths overtake each other; but this is the only
	// receiver.
	if l.onPaths == l.total {
		l.lastAt = now()
	}
	return true
}

// recordUnusual records any message that is not simply the next of a run: a last one, one after a gap, a
// violation.
//
//go:noinline
func (l *ledger) recordUnusual(id messageID, sound bool, path int) bool {
	if !sound {
		l.fail(violationCorrupt())
		return false
	}
	producer, seq := id.producer(), id.seq()
	if producer >= len(l.seen) || path < 0 || path >= l.paths || seq >= l.lanes[producer*l.paths].share {
		l.fail(violationForged(id))
		return false
	}
	lane := &l.lanes[producer*l.paths+path]
	if seq != lane.next {
		after := lane.next
		l.completeRun(producer, lane)
		lane.start, lane.next = max(seq, after), max(seq, after)
		if seq < after {
			if l.seen[producer].contains(seq) {
				l.fail(violationDoubled(id))
			} else {
				l.fail(violationReordered(id, after-1))
			}
			return false
		}
	}
	lane.next++
	// The round's last delivery may be a producer's last message.
	if lane.next == lane.share {
		l.lastAt = now()
		if l.sharedLast != nil {
			l.sharedLast.left.Add(-1)
		}
	}
	return true
}

func (l *ledger) fail(found *violation) {
	l.violation = firstViolation(l.violation, found)
}

func (l *ledger) completeRun(producer int, lane *lane) {
	if seq, doubled := l.seen[producer].insert(lane.start, lane.next); doubled {
		l.fail(violationDoubled(newID(producer, seq)))
	}
	lane.start = lane.next
}

func (l *ledger) completeRuns() {
	for index := range l.lanes {
		l.completeRun(index/l.paths, &l.lanes[index])
	}
}

// deliveries is the joined record of all receivers of a round.
type deliveries struct {
	// For each producer.
	seen []numbers
	// Zero if no ledger saw a delivery that can be the last.
	last moment
}

// join joins the ledgers of all receivers of a round. The violation is the first that any of them found, or a
// message that two of them have.
func join(ledgers ...*ledger) (deliveries, *violation) {
	joined := ledgers[0]
	joined.completeRuns()
	for _, other := range ledgers[1:] {
		other.completeRuns()
		joined.fail(other.violation)
		joined.lastAt = max(joined.lastAt, other.lastAt)
		for producer, theirs := range other.seen {
			ours := joined.seen[producer]
			for index, word := range theirs {
				if both := ours[index] & word; both != 0 {
					seq := uint64(index)*64 + uint64(bits.TrailingZeros64(both))
					joined.fail(violationDoubled(newID(producer, seq)))
				}
				ours[index] |= word
			}
		}
	}
	return deliveries{seen: joined.seen, last: joined.lastAt}, joined.violation
}

// count is the number of messages delivered.
func (d deliveries) count() (count uint64) {
	for _, seen := range d.seen {
		count += seen.count()
	}
	return count
}

// complete checks that the first messages of each producer were delivered, as many as counts says.
func (d deliveries) complete(counts ...uint64) *violation {
	var first messageID
	var missing uint64
	for producer, count := range counts {
		for seq := range count {
			if !d.seen[producer].contains(seq) {
				if missing == 0 {
					first = newID(producer, seq)
				}
				missing++
			}
		}
	}
	if missing > 0 {
		return violationLost(first, missing)
	}
	return nil
}
