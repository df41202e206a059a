// Command article times the two functions that an article on Go's channels published, and what they should have been.
//
// Its first output line says what it has: the version of Go and the variants. Each line of its input, as in
// `mutex-bounded 100000`, asks for a round of a variant with so many items, and is answered with a line of JSON:
//
//	{"variant":"mutex-bounded","n":100000,"consumed":100000,"ns":3712345}
//
// `chanlab article` starts it, a process for each variant and epoch; by hand:
//
//	echo mutex-published 100000 | go run ./article
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	// mostItems is the most that a round may have. The published mutex version appends whatever nobody takes: so its queue
	// holds at most 8 MB, and what it grew out of.
	mostItems = 1_000_000
	// memoryLimit makes the collector work before the process has more than this, in bytes.
	memoryLimit = 256 << 20
	// roundLimit is how long a round may take: then it hangs, and the process ends.
	roundLimit = time.Minute
)

// round is what came of one round.
type round struct {
	Variant  string `json:"variant"`
	N        int    `json:"n"`
	Consumed int    `json:"consumed"`
	Ns       int64  `json:"ns"`
}

func main() {
	debug.SetMemoryLimit(memoryLimit)
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	replies := json.NewEncoder(out)
	if err := replies.Encode(map[string]any{"go": runtime.Version(), "variants": variants}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var name string
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "%s %d", &name, &n); err != nil {
			return fmt.Errorf("%q: expected a variant and a number of items", lines.Text())
		}
		hung := time.AfterFunc(roundLimit, func() {
			fmt.Fprintf(os.Stderr, "error: %s hung: a round took more than %v\n", name, roundLimit)
			os.Exit(1)
		})
		r, err := timed(name, n)
		hung.Stop()
		if err != nil {
			return err
		}
		if err := replies.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// timed runs a round from the call to the return, as `go test -bench` does, and checks what it consumed.
func timed(name string, n int) (round, error) {
	if n < 1 || n > mostItems {
		return round{}, fmt.Errorf("%d items: expected 1 to %d", n, mostItems)
	}
	for _, v := range variants {
		if v.Name != name {
			continue
		}
		// The garbage of the round before is not this one's.
		runtime.GC()
		began := time.Now()
		got := v.run(n)
		ns := time.Since(began).Nanoseconds()
		left := 0
		if got.left != nil {
			left = got.left()
		}
		// The items are 0, 1, 2, …, and are consumed in order: so many of them have this sum.
		if sum := got.consumed * (got.consumed - 1) / 2; got.consumed+left != n || got.sum != sum {
			return round{}, fmt.Errorf("%s consumed %d of %d items and left %d, and the sum is %d, not %d",
				name, got.consumed, n, left, got.sum, sum)
		}
		return round{name, n, got.consumed, ns}, nil
	}
	return round{}, fmt.Errorf("unknown variant %s", name)
}
