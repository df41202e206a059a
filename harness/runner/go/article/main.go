// Command article times the two functions that an article on Go's channels published, and corrected versions
// of them.
//
// Its first output line names the version of Go and the variants. Each line of its input, such as
// `mutex-bounded 100000`, requests a round of a variant with that many items, and is answered with a line of
// JSON:
//
//	{"variant":"mutex-bounded","n":100000,"consumed":100000,"ns":3712345}
//
// `chanlab article` starts one process for each variant and epoch; by hand:
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
	// maxItems is the maximum number of items of a round. The published mutex version queues every item that
	// is not consumed; so its queue holds at most 8 MB, plus the arrays that it outgrew.
	maxItems = 1_000_000
	// memoryLimit is the size of the process, in bytes, that the collector tries to keep.
	memoryLimit = 256 << 20
	// roundTimeout is the deadline of a round. A round that exceeds it hangs, and the process ends.
	roundTimeout = time.Minute
)

// round is the result of one round.
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
		hung := time.AfterFunc(roundTimeout, func() {
			fmt.Fprintf(os.Stderr, "error: %s hung: a round took more than %v\n", name, roundTimeout)
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

// timed times a round from the call to the return, as `go test -bench` does, and checks what it consumed.
func timed(name string, n int) (round, error) {
	if n < 1 || n > maxItems {
		return round{}, fmt.Errorf("%d items: expected 1 to %d", n, maxItems)
	}
	for _, v := range variants {
		if v.Name != name {
			continue
		}
		// The garbage of the previous round is collected first.
		runtime.GC()
		began := time.Now()
		got := v.run(n)
		ns := time.Since(began).Nanoseconds()
		left := 0
		if got.left != nil {
			left = got.left()
		}
		// The items are 0, 1, 2, …, consumed in order, so their number determines their sum.
		if sum := got.consumed * (got.consumed - 1) / 2; got.consumed+left != n || got.sum != sum {
			return round{}, fmt.Errorf("%s consumed %d of %d items and left %d, and the sum is %d, not %d",
				name, got.consumed, n, left, got.sum, sum)
		}
		return round{name, n, got.consumed, ns}, nil
	}
	return round{}, fmt.Errorf("unknown variant %s", name)
}
