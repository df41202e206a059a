//go:build !linux

package main

// On other systems rounds have no such meters, and hello says so.

func usageOfProcess() (usage, bool) { return usage{}, false }

func peakBytes() (uint64, bool) { return 0, false }
