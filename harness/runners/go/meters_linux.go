package main

// What Linux tells of the process.

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

func usageOfProcess() (usage, bool) {
	var told syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &told); err != nil {
		return usage{}, false
	}
	return usage{
		userNanos:   told.Utime.Nano(),
		systemNanos: told.Stime.Nano(),
		voluntary:   int64(told.Nvcsw),
		involuntary: int64(told.Nivcsw),
	}, true
}

// peakBytes is the most memory that the process had resident.
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
