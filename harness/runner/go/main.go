// Command chanlab-go-runner runs chanlab's workloads over Go's channels, and over a mutex and a slice.
//
// It speaks the runner protocol (harness/runner/PROTOCOL.md) on its standard input and output; chanlab starts
// it. Build it with `go build -o DIR/chanlab-go-runner .`; it needs nothing but Go.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A write to a closed pipe then fails and is reported, instead of ending the process silently.
	signal.Ignore(syscall.SIGPIPE)
	if err := serve(os.Stdin, os.Stdout, channels); err != nil {
		fmt.Fprintln(os.Stderr, "error: failed to serve:", err)
		os.Exit(1)
	}
}
