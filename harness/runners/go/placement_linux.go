package main

// The whole process on one processor, for a round.
//
// A goroutine is no thread, so what is placed are all threads of the process, and Go is told that it has one processor, as it
// finds out by itself in a program that is started on one. A thread that is made meanwhile takes the place of its maker.

import (
	"errors"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// processors is a set of them, as the kernel writes it: more bits than any kernel is built for.
type processors [128]uint64

// onOneProcessor moves all threads to the first processor that they may use; restore moves them back.
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
		// What fails here leaves threads where they are, and the next round's times with them; nobody else is told.
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

// moveAllThreads looks again until it finds no thread that it has not moved: one may have been made by another that was not
// moved yet.
func moveAllThreads(to *processors) error {
	moved := map[string]bool{}
	for {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		news := false
		for _, thread := range threads {
			if moved[thread.Name()] {
				continue
			}
			number, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			// A thread that has ended meanwhile needs no place.
			if err := affinity(syscall.SYS_SCHED_SETAFFINITY, number, to); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
			moved[thread.Name()], news = true, true
		}
		if !news {
			return nil
		}
	}
}

// affinity reads or writes the processors of a thread; 0 is the calling one.
func affinity(call uintptr, thread int, set *processors) error {
	// The set lives until the call returns: the conversion is in its argument list, as package unsafe asks (its rule 4). The
	// kernel reads or writes at most the size that it is told, which is the set's.
	_, _, errno := syscall.RawSyscall(call, uintptr(thread), unsafe.Sizeof(*set), uintptr(unsafe.Pointer(set)))
	if errno != 0 {
		return errno
	}
	return nil
}
