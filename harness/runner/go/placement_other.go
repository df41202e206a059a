//go:build !linux

package main

// Other systems do not pin threads.

import (
	"errors"
	"runtime"
)

func onOneProcessor() (restore func(), err error) {
	return nil, errors.New("the runner does not support it on " + runtime.GOOS)
}
