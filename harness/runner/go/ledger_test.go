package main

// The ledger names each violation, and finds the round's last delivery.

import (
	"math/rand"
	"testing"
)

type arrival struct {
	producer int
	seq      uint64
}

func ledgerOf(shares []uint64, arrivals []arrival) *ledger {
	l := newLedger(shares)
	for _, a := range arrivals {
		m := newMessage8(newID(a.producer, a.seq))
		l.record(m.read())
	}
	return l
}

func violationOf(arrivals []arrival) *violation {
	joined, found := join(ledgerOf([]uint64{3, 3}, arrivals))
	return firstViolation(found, joined.complete(3, 3))
}

func TestEachViolationIsNamed(t *testing.T) {
	for _, faulty := range []struct {
		arrivals []arrival
		text     string
	}{
		{[]arrival{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 2}}, "wrong: lost 1 message(s), the first is message 1 of producer 1"},
		{[]arrival{{0, 0}, {1, 0}}, "wrong: lost 4 message(s), the first is message 1 of producer 0"},
		{[]arrival{{0, 0}, {0, 1}, {0, 1}}, "wrong: message 1 of producer 0 arrived twice"},
		{[]arrival{{0, 0}, {0, 2}, {0, 1}}, "wrong: message 1 of producer 0 arrived after message 2 of the same producer"},
		{[]arrival{{0, 2}, {0, 2}}, "wrong: message 2 of producer 0 arrived twice"},
		{[]arrival{{2, 0}}, "wrong: message 0 of producer 2 arrived, but was never sent"},
		{[]arrival{{0, 3}}, "wrong: message 3 of producer 0 arrived, but was never sent"},
	} {
		if found := violationOf(faulty.arrivals); found == nil || found.Error() != faulty.text {
			t.Errorf("%v: %v, expected %s", faulty.arrivals, found, faulty.text)
		}
	}
	whole := []arrival{{0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 2}, {1, 2}}
	if found := violationOf(whole); found != nil {
		t.Errorf("%v: %v", whole, found)
	}
}

func TestADamagedPayloadIsCorrupt(t *testing.T) {
	for index := range 8 {
		var m message64
		m.fill(newID(0, 2))
		if id, sound := m.read(); !sound || id != newID(0, 2) {
			t.Fatalf("%v, %v", id, sound)
		}
		m.words[index] ^= 1 << 40
		l := newLedger([]uint64{3})
		id, sound := m.read()
		// A damaged id is found by the words that derive from it.
		if sound || l.record(id, sound) || l.violation.kind != corrupt {
			t.Fatalf("word %d: %v", index, l.violation)
		}
	}
	var swapped message64
	swapped.fill(newID(1, 2))
	swapped.words[1], swapped.words[2] = swapped.words[2], swapped.words[1]
	if _, sound := swapped.read(); sound {
		t.Fatal("swapped words are sound")
	}
}

func TestTwoReceiversThatHaveTheSameMessageAreFound(t *testing.T) {
	one := ledgerOf([]uint64{100}, []arrival{{0, 0}, {0, 1}, {0, 70}})
	other := ledgerOf([]uint64{100}, []arrival{{0, 2}, {0, 70}})
	if _, found := join(one, other); found == nil || found.text != "message 70 of producer 0 arrived twice" {
		t.Fatal(found)
	}
}

func TestReceiversTogetherSeeTheLastDelivery(t *testing.T) {
	shares := []uint64{2, 1}
	last := newLastDelivery(2)
	one, other := newLedgerAmong(shares, last), newLedgerAmong(shares, last)
	receive := func(l *ledger, producer int, seq uint64) {
		m := newMessage8(newID(producer, seq))
		l.recordAmong(m.read())
	}
	receive(one, 0, 1)
	receive(other, 1, 0)
	if other.lastAt == 0 {
		t.Fatal("a producer's last message does not set the last delivery")
	}
	before := now()
	// Not the last of its producer, but the last of the round.
	receive(one, 0, 0)
	if one.lastAt < before {
		t.Fatal("a delivery after all last messages does not set the last delivery")
	}
}

func TestOrderHoldsOnEachPath(t *testing.T) {
	recorded := func(paths int, arrivals ...[2]uint64) *ledger {
		l := newLedgerWithPaths([]uint64{3}, paths)
		for _, a := range arrivals {
			l.recordOnPath(newID(0, a[0]), true, int(a[1]))
		}
		return l
	}
	overtaken := recorded(2, [2]uint64{1, 0}, [2]uint64{0, 1}, [2]uint64{2, 0})
	if joined, found := join(overtaken); found != nil || joined.complete(3) != nil || joined.last == 0 {
		t.Fatal(found, joined)
	}
	if late := recorded(2, [2]uint64{1, 0}, [2]uint64{0, 0}); late.violation == nil || late.violation.kind != reordered {
		t.Fatal(late.violation)
	}
	if unknownPath := recorded(2, [2]uint64{0, 2}); unknownPath.violation == nil || unknownPath.violation.kind != forged {
		t.Fatal(unknownPath.violation)
	}
	if _, found := join(recorded(2, [2]uint64{0, 0}, [2]uint64{0, 1})); found == nil || found.kind != doubled {
		t.Fatal(found)
	}
}

// Any change to a sound delivery by one receiver is a violation; the sound delivery has none.
func TestAnyChangeOfASoundDeliveryIsFound(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for range 2_000 {
		shares := []uint64{uint64(1 + random.Intn(80)), uint64(1 + random.Intn(80))}
		var arrivals []arrival
		for left := append([]uint64{}, shares...); left[0]+left[1] > 0; {
			producer := random.Intn(2)
			if left[producer] > 0 {
				arrivals = append(arrivals, arrival{producer, shares[producer] - left[producer]})
				left[producer]--
			}
		}
		verify := func() *violation {
			joined, found := join(ledgerOf(shares, arrivals))
			return firstViolation(found, joined.complete(shares...))
		}
		if found := verify(); found != nil {
			t.Fatal(found)
		}
		position := random.Intn(len(arrivals))
		if random.Intn(2) == 0 {
			arrivals = append(arrivals[:position], arrivals[position+1:]...)
		} else {
			arrivals = append(arrivals, arrivals[position])
		}
		if found := verify(); found == nil {
			t.Fatalf("a change at %d is not found: %v", position, arrivals)
		}
	}
}

func TestSharesAddUp(t *testing.T) {
	for _, c := range []struct {
		messages  uint64
		producers int
		shares    []uint64
	}{{10, 3, []uint64{4, 3, 3}}, {2, 3, []uint64{1, 1, 1}}, {8, 1, []uint64{8}}} {
		for producer, share := range shares(c.messages, c.producers) {
			if share != c.shares[producer] {
				t.Errorf("%d among %d: %v", c.messages, c.producers, shares(c.messages, c.producers))
			}
		}
	}
}
