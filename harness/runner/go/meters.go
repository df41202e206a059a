package main

// The meters: what a round costs besides wall time.
//
// Goroutines share the process's threads, so the system has no account of a goroutine. The account covers the
// whole process, from the start barrier to the end of the last goroutine. The runner does nothing else in
// that time, and the collector and the scheduler are part of what a Go program pays.

import "runtime"

// usage is the processor time and the context switches of the process since it started.
type usage struct {
	userNanos, systemNanos int64
	voluntary, involuntary int64
}

func (u usage) minus(earlier usage) usage {
	// The split into user and system time is the kernel's estimate and may step back.
	return usage{
		userNanos:   max(u.userNanos-earlier.userNanos, 0),
		systemNanos: max(u.systemNanos-earlier.systemNanos, 0),
		voluntary:   max(u.voluntary-earlier.voluntary, 0),
		involuntary: max(u.involuntary-earlier.involuntary, 0),
	}
}

// account is what a round used: opened by the last goroutine to arrive at the barrier, closed by the last to
// end.
type account struct {
	countAllocations bool
	// Nil where the system does not report it.
	usage *usage
	// Counted only on request: reading the counters stops all goroutines for a moment.
	allocations, allocatedBytes uint64

	before struct {
		usage                       usage
		known                       bool
		allocations, allocatedBytes uint64
	}
}

func (a *account) open() {
	if a.countAllocations {
		a.before.allocations, a.before.allocatedBytes = allocated()
	}
	a.before.usage, a.before.known = usageOfProcess()
}

func (a *account) close() {
	if after, known := usageOfProcess(); known && a.before.known {
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

// spinSteps is the fixed amount of work in a spin: some tens of microseconds.
const spinSteps = 50_000

// spin returns the time that a fixed amount of work takes now; it shows a machine that slowed down.
func spin() int64 {
	began := now()
	work(spinSteps)
	return now() - began
}

func hasUsage() bool {
	_, has := usageOfProcess()
	return has
}

func hasPeak() bool {
	_, has := peakBytes()
	return has
}
