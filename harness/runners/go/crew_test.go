package main

// The crew: a panic is named, a hang is named, and only what is used after the gate is told.

import (
	"errors"
	"runtime"
	"testing"
	"time"
)

func testCrew(size int, deadline time.Duration) *crew {
	return newCrew(size, &task{deadline: deadline})
}

func TestAPanicIsTheCauseEvenWhenOthersThenHang(t *testing.T) {
	c := testCrew(2, time.Minute)
	c.spawn("broken", func(gate *gate) *fault {
		gate.pass()
		panic("no more messages")
	})
	c.spawn("stuck", func(gate *gate) *fault {
		gate.pass()
		select {}
	})
	_, err := c.join()
	if crew := (*crewError)(nil); !errors.As(err, &crew) || !crew.abandoned || err.Error() != "broken panicked: no more messages" {
		t.Fatal(err)
	}
}

func TestTheGateOpensForAllTogether(t *testing.T) {
	const size = 8
	c := testCrew(size, time.Minute)
	arrived, passed := make([]moment, size), make([]moment, size)
	for index := range size {
		c.spawn("one of them", func(gate *gate) *fault {
			time.Sleep(time.Duration(index) * time.Millisecond)
			arrived[index] = now()
			passed[index] = gate.pass()
			return nil
		})
	}
	if _, err := c.join(); err != nil {
		t.Fatal(err)
	}
	for _, one := range passed {
		for _, other := range arrived {
			if one < other {
				t.Fatal("one went through the gate before another had come")
			}
		}
	}
}

func TestWhatIsUsedAfterTheGateIsTold(t *testing.T) {
	if !tellsUsage() {
		t.Skip("the system does not tell")
	}
	used := func(before, after uint64) int64 {
		c := testCrew(2, time.Minute)
		for _, name := range []string{"one", "other"} {
			c.spawn(name, func(gate *gate) *fault {
				work(before)
				gate.pass()
				work(after)
				return nil
			})
		}
		account, err := c.join()
		if err != nil {
			t.Fatal(err)
		}
		return account.usage.userNanos + account.usage.systemNanos
	}
	runtime.GC()
	idle, busy := used(20_000_000, 0), used(0, 20_000_000)
	if busy <= 2*idle {
		t.Fatalf("%d ns and %d ns", busy, idle)
	}
}

func TestPeakMemoryIsTold(t *testing.T) {
	before, tells := peakBytes()
	if !tells {
		t.Skip("the system does not tell")
	}
	held := make([]byte, 64<<20)
	for index := 0; index < len(held); index += 4096 {
		held[index] = 1
	}
	after, _ := peakBytes()
	runtime.KeepAlive(held)
	if after < 64<<20 || after < before {
		t.Fatalf("%d bytes, and %d before", after, before)
	}
}
