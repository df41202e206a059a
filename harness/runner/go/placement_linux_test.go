package main

// Every thread of the process is pinned to one processor during a round, and to none afterwards.

import (
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

func processorsOfThreads(t *testing.T) (most int) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		number, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		var may processors
		// A thread may have ended meanwhile.
		if affinity(syscall.SYS_SCHED_GETAFFINITY, number, &may) != nil {
			continue
		}
		count := 0
		for _, word := range may {
			count += bits.OnesCount64(word)
		}
		most = max(most, count)
	}
	return most
}

func TestTheProcessIsPinnedToOneProcessorAndThenRestored(t *testing.T) {
	allowed, given := processorsOfThreads(t), runtime.GOMAXPROCS(0)
	restore, err := onOneProcessor()
	if err != nil {
		t.Skip(err)
	}
	// New threads, each created by a pinned one.
	waiting, ended := make(chan struct{}), make(chan struct{})
	for range 8 {
		go func() {
			runtime.LockOSThread()
			<-waiting
			ended <- struct{}{}
		}()
	}
	most, procs := processorsOfThreads(t), runtime.GOMAXPROCS(0)
	close(waiting)
	for range 8 {
		<-ended
	}
	restore()
	if most != 1 || procs != 1 {
		t.Errorf("a thread may use %d processors, and Go %d", most, procs)
	}
	if again := processorsOfThreads(t); again != allowed || runtime.GOMAXPROCS(0) != given {
		t.Errorf("a thread may use %d processors, and Go %d, after %d and %d", again, runtime.GOMAXPROCS(0), allowed, given)
	}
}
