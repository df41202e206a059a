package main

// The thread group names a panic and a hang, and accounts only for what is used after the start barrier.

import (
	"errors"
	"runtime"
	"testing"
	"time"
)

func testGroup(size int, deadline time.Duration) *threadGroup {
	return newThreadGroup(size, &task{deadline: deadline})
}

func TestAPanicIsTheCauseEvenWhenOthersThenHang(t *testing.T) {
	c := testGroup(2, time.Minute)
	c.spawn("broken", func(barrier *startBarrier) *violation {
		barrier.wait()
		panic("no more messages")
	})
	c.spawn("stuck", func(barrier *startBarrier) *violation {
		barrier.wait()
		select {}
	})
	_, err := c.join()
	if group := (*threadGroupError)(nil); !errors.As(err, &group) || !group.abandoned || err.Error() != "broken panicked: no more messages" {
		t.Fatal(err)
	}
}

func TestTheBarrierOpensForAllTogether(t *testing.T) {
	const size = 8
	c := testGroup(size, time.Minute)
	arrived, left := make([]moment, size), make([]moment, size)
	for index := range size {
		c.spawn("one of them", func(barrier *startBarrier) *violation {
			time.Sleep(time.Duration(index) * time.Millisecond)
			arrived[index] = now()
			left[index] = barrier.wait()
			return nil
		})
	}
	if _, err := c.join(); err != nil {
		t.Fatal(err)
	}
	for _, one := range left {
		for _, other := range arrived {
			if one < other {
				t.Fatal("one left the barrier before another had arrived")
			}
		}
	}
}

func TestOnlyProcessorTimeAfterTheBarrierCounts(t *testing.T) {
	if !hasUsage() {
		t.Skip("the system does not report it")
	}
	used := func(before, after uint64) int64 {
		c := testGroup(2, time.Minute)
		for _, name := range []string{"one", "other"} {
			c.spawn(name, func(barrier *startBarrier) *violation {
				work(before)
				barrier.wait()
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

func TestPeakMemoryIncludesTouchedMemory(t *testing.T) {
	before, has := peakBytes()
	if !has {
		t.Skip("the system does not report it")
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
