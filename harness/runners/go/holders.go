package main

// Who still holds one end of a channel: what a reported disconnect is held against.
//
// The ledgers see what arrived. When one of several receivers is told of a disconnect that is none, the others take the rest
// and nothing is missing in the end. So each end of a channel counts the goroutines that hold it, apart from the channel's
// own count, and whoever is told that the other end is gone asks whether it is. A message costs nothing.

import "sync/atomic"

type holders struct {
	count atomic.Int64
}

// heldBy is called before any goroutine of the round passes the gate, so that nobody asks too early.
func heldBy(goroutines int) *holders {
	h := &holders{}
	h.count.Store(int64(goroutines))
	return h
}

// leave counts a goroutine off and then drops its handle, in this order: a channel that orders the last drop before its
// report makes every count visible to whoever is told.
func (h *holders) leave(drops ...func()) {
	h.count.Add(-1)
	for _, drop := range drops {
		drop()
	}
}

// disconnected asks whether the disconnect that `who` was told of is one.
func (h *holders) disconnected(who string) *fault {
	if h.count.Load() != 0 {
		return faultEarlyDisconnect(who)
	}
	return nil
}
