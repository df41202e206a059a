package main

// Counts the open endpoints of a channel, to check a disconnect that the channel reports.
//
// Ledgers see only what arrived. If one of several receivers gets a disconnect too early, the others take the
// remaining messages and nothing is missing in the end. So each side of a channel counts the goroutines that
// hold an endpoint, separately from the channel's own count, and a goroutine that gets a disconnect checks
// that the other side's count is zero. A message costs nothing.

import "sync/atomic"

// endpointCount is the number of open endpoints on one side of a channel.
type endpointCount struct {
	count atomic.Int64
}

// newEndpointCount is called before any goroutine of the round leaves the start barrier, so that none checks
// too early.
func newEndpointCount(goroutines int) *endpointCount {
	e := &endpointCount{}
	e.count.Store(int64(goroutines))
	return e
}

// close uncounts an endpoint and then drops its handles. The order matters: a channel that orders the last
// drop before its report of the disconnect makes every count visible to the goroutine that gets the report.
func (e *endpointCount) close(drops ...func()) {
	e.count.Add(-1)
	for _, drop := range drops {
		drop()
	}
}

// checkDisconnect checks a disconnect that the channel reported to a goroutine in this role.
func (e *endpointCount) checkDisconnect(role string) *violation {
	if e.count.Load() != 0 {
		return violationEarlyDisconnect(role)
	}
	return nil
}
