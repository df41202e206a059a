// Command chanlab-go-runner runs chanlab's workloads over Go's channels, and over a mutex and a slice.
//
// It speaks the runner protocol (harness/PROTOCOL.md) on its standard input and output: whoever measures starts it, and
// people rarely do. Build it with `go build -o DIR/chanlab-go-runner .`; it needs nothing but Go.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A write to a reader that is gone fails, and is reported, instead of ending the process without a word.
	signal.Ignore(syscall.SIGPIPE)
	if err := serve(os.Stdin, os.Stdout, channels); err != nil {
		fmt.Fprintln(os.Stderr, "error: failed to serve:", err)
		os.Exit(1)
	}
}
