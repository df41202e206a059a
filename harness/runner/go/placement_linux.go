package main

// Pins the whole process to one processor for a round.
//
// A goroutine is not a thread, so all threads of the process are pinned, and GOMAXPROCS is set to 1, as Go
// does itself in a program that is started on one processor. A thread that is created meanwhile inherits the
// affinity of its creator.

import (
	"errors"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// processors is a set of processors in the kernel's format, with more bits than any kernel is built for.
type processors [128]uint64

// onOneProcessor pins all threads to the first processor that they may use; restore undoes it.
func onOneProcessor() (restore func(), err error) {
	var all, first processors
	if err := affinity(syscall.SYS_SCHED_GETAFFINITY, 0, &all); err != nil {
		return nil, err
	}
	for index, word := range all {
		if word != 0 {
			first[index] = 1 << bits.TrailingZeros64(word)
			break
		}
	}
	given := runtime.GOMAXPROCS(1)
	restore = func() {
		// A failure here would leave threads pinned and falsify the next round's time, and no caller would
		// see it.
		if err := moveAllThreads(&all); err != nil {
			panic(err)
		}
		runtime.GOMAXPROCS(given)
	}
	if err := moveAllThreads(&first); err != nil {
		restore()
		return nil, err
	}
	return restore, nil
}

// moveAllThreads repeats until it finds no thread that it has not moved, because a thread that was not moved
// yet may have created another.
func moveAllThreads(to *processors) error {
	moved := map[string]bool{}
	for {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		found := false
		for _, thread := range threads {
			if moved[thread.Name()] {
				continue
			}
			number, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			// A thread may have ended meanwhile.
			if err := affinity(syscall.SYS_SCHED_SETAFFINITY, number, to); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
			moved[thread.Name()], found = true, true
		}
		if !found {
			return nil
		}
	}
}

// affinity reads or writes the processors of a thread; 0 is the calling thread.
func affinity(call uintptr, thread int, set *processors) error {
	// The set lives until the call returns, because the conversion is in the argument list, as rule 4 of
	// package unsafe requires. The kernel reads or writes at most the given size, which is the set's.
	_, _, errno := syscall.RawSyscall(call, uintptr(thread), unsafe.Sizeof(*set), uintptr(unsafe.Pointer(set)))
	if errno != 0 {
		return errno
	}
	return nil
}
