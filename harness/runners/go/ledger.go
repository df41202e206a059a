package main

// The delivery ledger: what arrived, so that a round can prove that each message arrived exactly once and in order. It is the
// Rust harness's ledger (harness/src/ledger.rs), and its reasons are there.
//
// Each receiving goroutine keeps a ledger of its own, so nothing is shared while the clock runs, and a message that continues
// a run of consecutive ones costs a comparison. After the round the ledgers are joined and held against what was sent.

import (
	"math/bits"
	"sync/atomic"
)

// lane is what came last from one producer by one way.
type lane struct {
	// Messages that the producer sends.
	share uint64
	// The run under way: all from start up to next, which is not in it, have come one after the other. They are not in the
	// producer's set yet.
	start, next uint64
}

// ledger records the deliveries of one receiving goroutine.
type ledger struct {
	// For each producer and way.
	lanes []lane
	// Ways by which one producer's messages may come (the workers between): order holds for each way.
	ways int
	// For each producer: the messages of its ended runs.
	seen []numbers
	// Messages that were recorded with their way, and how many there are to be.
	byWays, total uint64
	fault         *fault
	lastDelivery  moment
	// The ends that all receivers of the round see; nil for the only receiver.
	ends *ends
}

// ends counts the producers whose last message has not been delivered, as several receivers tell each other.
//
// The clock is read only where the round's last delivery may be, since a look at it for each message would cost as much as
// the message. Of several receivers any may deliver the last, so they count down the producers' ends together, and whoever
// delivers after the last of these looks at the clock.
type ends struct {
	_    cacheLines
	left atomic.Int64
	_    cacheLines
}

// cacheLines keeps what is written for each message apart from what others read: two lines, since processors prefetch the
// neighbour.
type cacheLines [128]byte

func endsOf(producers int) *ends {
	e := &ends{}
	e.left.Store(int64(producers))
	return e
}

// newLedger is a ledger for producers that send so many messages each, all by one way. The goroutine that uses it makes it.
func newLedger(shares []uint64) *ledger {
	return newLedgerWithWays(shares, 1)
}

// newLedgerAmong is a ledger of one of several receivers, which records with recordAmong.
func newLedgerAmong(shares []uint64, ends *ends) *ledger {
	l := newLedger(shares)
	l.ends = ends
	return l
}

// newLedgerWithWays is a ledger for messages that come by different ways and are in order only on each of them.
func newLedgerWithWays(shares []uint64, ways int) *ledger {
	// Go's allocator puts small objects of the same size side by side, so lanes have room before and after them: what one
	// receiver writes for each message must not share a cache line with another's.
	const room = 6
	count := len(shares) * ways
	l := &ledger{lanes: make([]lane, count+2*room)[room : room+count], ways: ways}
	for producer, share := range shares {
		for way := range ways {
			l.lanes[producer*ways+way].share = share
		}
		l.seen = append(l.seen, newNumbers(share))
		l.total += share
	}
	return l
}

// record records a message that was read, and tells whether it is as it should be.
func (l *ledger) record(id messageID, sound bool) bool {
	if producer := id.producer(); sound && producer < len(l.lanes) {
		// The usual case: the next of a run, and not the producer's last.
		if lane := &l.lanes[producer]; id.seq() == lane.next && lane.next+1 < lane.share {
			lane.next++
			return true
		}
	}
	return l.recordUnusual(id, sound, 0)
}

// recordAmong is record for one of several receivers.
func (l *ledger) recordAmong(id messageID, sound bool) bool {
	right := l.record(id, sound)
	if l.ends.left.Load() == 0 {
		l.lastDelivery = now()
	}
	return right
}

// recordBy is record for a message that came by one of several ways.
func (l *ledger) recordBy(id messageID, sound bool, way int) bool {
	if !l.recordUnusual(id, sound, way) {
		return false
	}
	l.byWays++
	// The producer's last message need not come last, since the ways overtake each other; but this is the only receiver.
	if l.byWays == l.total {
		l.lastDelivery = now()
	}
	return true
}

// recordUnusual records whatever is not the next of a run: its end, a gap, a fault.
//
//go:noinline
func (l *ledger) recordUnusual(id messageID, sound bool, way int) bool {
	if !sound {
		l.fail(faultCorrupt())
		return false
	}
	producer, seq := id.producer(), id.seq()
	if producer >= len(l.seen) || way < 0 || way >= l.ways || seq >= l.lanes[producer*l.ways].share {
		l.fail(faultForged(id))
		return false
	}
	lane := &l.lanes[producer*l.ways+way]
	if seq != lane.next {
		after := lane.next
		l.endRun(producer, lane)
		lane.start, lane.next = max(seq, after), max(seq, after)
		if seq < after {
			if l.seen[producer].contains(seq) {
				l.fail(faultDoubled(id))
			} else {
				l.fail(faultReordered(id, after-1))
			}
			return false
		}
	}
	lane.next++
	// The clock is read only where the last delivery of the round may be: at a producer's last message.
	if lane.next == lane.share {
		l.lastDelivery = now()
		if l.ends != nil {
			l.ends.left.Add(-1)
		}
	}
	return true
}

func (l *ledger) fail(found *fault) {
	l.fault = firstFault(l.fault, found)
}

func (l *ledger) endRun(producer int, lane *lane) {
	if seq, doubled := l.seen[producer].insert(lane.start, lane.next); doubled {
		l.fail(faultDoubled(idOf(producer, seq)))
	}
	lane.start = lane.next
}

func (l *ledger) endRuns() {
	for index := range l.lanes {
		l.endRun(index/l.ways, &l.lanes[index])
	}
}

// deliveries is what all receivers of a round have recorded, joined.
type deliveries struct {
	// For each producer.
	seen []numbers
	// Zero when no ledger saw a delivery that can be the last.
	last moment
}

// join joins the ledgers of all receivers of a round; the fault is the first found by any of them, or a message that two
// of them have.
func join(ledgers ...*ledger) (deliveries, *fault) {
	joined := ledgers[0]
	joined.endRuns()
	for _, other := range ledgers[1:] {
		other.endRuns()
		joined.fail(other.fault)
		joined.lastDelivery = max(joined.lastDelivery, other.lastDelivery)
		for producer, theirs := range other.seen {
			ours := joined.seen[producer]
			for index, word := range theirs {
				if both := ours[index] & word; both != 0 {
					seq := uint64(index)*64 + uint64(bits.TrailingZeros64(both))
					joined.fail(faultDoubled(idOf(producer, seq)))
				}
				ours[index] |= word
			}
		}
	}
	return deliveries{seen: joined.seen, last: joined.lastDelivery}, joined.fault
}

// count is how many messages were delivered.
func (d deliveries) count() (count uint64) {
	for _, seen := range d.seen {
		count += seen.count()
	}
	return count
}

// complete asks for the first messages of each producer, as many as counts says.
func (d deliveries) complete(counts ...uint64) *fault {
	var first messageID
	var missing uint64
	for producer, count := range counts {
		for seq := range count {
			if !d.seen[producer].contains(seq) {
				if missing == 0 {
					first = idOf(producer, seq)
				}
				missing++
			}
		}
	}
	if missing > 0 {
		return faultLost(first, missing)
	}
	return nil
}
