package main

// The meters of the process on Linux.

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

func usageOfProcess() (usage, bool) {
	var raw syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &raw); err != nil {
		return usage{}, false
	}
	return usage{
		userNanos:   raw.Utime.Nano(),
		systemNanos: raw.Stime.Nano(),
		voluntary:   int64(raw.Nvcsw),
		involuntary: int64(raw.Nivcsw),
	}, true
}

// peakBytes is the peak resident memory of the process.
func peakBytes() (uint64, bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	_, rest, found := bytes.Cut(status, []byte("\nVmHWM:"))
	if !found {
		return 0, false
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	// The kernel's kB are units of 1,024 bytes.
	number, inKilobytes := bytes.CutSuffix(bytes.TrimSpace(line), []byte(" kB"))
	kilobytes, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil || !inKilobytes {
		return 0, false
	}
	return kilobytes * 1024, true
}
