package main

// What a round costs beside wall time.
//
// Goroutines share the process's threads, so what the system tells of a thread is no goroutine's. The whole process is
// accounted for, from the gate to the end of the last goroutine: the runner does nothing else in that time, and
// the collector and the scheduler that run in it are a part of what a Go program pays.

import "runtime"

// usage is what the process has used since it started.
type usage struct {
	userNanos, systemNanos int64
	voluntary, involuntary int64
}

func (u usage) minus(earlier usage) usage {
	// The split into user and system time is the kernel's estimate, and may step back.
	return usage{
		userNanos:   max(u.userNanos-earlier.userNanos, 0),
		systemNanos: max(u.systemNanos-earlier.systemNanos, 0),
		voluntary:   max(u.voluntary-earlier.voluntary, 0),
		involuntary: max(u.involuntary-earlier.involuntary, 0),
	}
}

// account is what a round used: opened by the last goroutine to come to the gate, closed by the last to end.
type account struct {
	countAllocations bool
	// Nil where the system does not tell.
	usage *usage
	// Counted only when asked for: the count stops all goroutines for a moment.
	allocations, allocatedBytes uint64

	before struct {
		usage                       usage
		told                        bool
		allocations, allocatedBytes uint64
	}
}

func (a *account) open() {
	if a.countAllocations {
		a.before.allocations, a.before.allocatedBytes = allocated()
	}
	a.before.usage, a.before.told = usageOfProcess()
}

func (a *account) close() {
	if after, told := usageOfProcess(); told && a.before.told {
		used := after.minus(a.before.usage)
		a.usage = &used
	}
	if a.countAllocations {
		count, bytes := allocated()
		a.allocations, a.allocatedBytes = count-a.before.allocations, bytes-a.before.allocatedBytes
	}
}

func allocated() (count, bytes uint64) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs, stats.TotalAlloc
}

// spinSteps of work are the fixed piece of integer work: some tens of microseconds.
const spinSteps = 50_000

// spin tells how long it took: of a machine that slowed down.
func spin() int64 {
	began := now()
	work(spinSteps)
	return now() - began
}

func tellsUsage() bool {
	_, tells := usageOfProcess()
	return tells
}

func tellsPeak() bool {
	_, tells := peakBytes()
	return tells
}
