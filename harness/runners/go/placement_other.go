//go:build !linux

package main

// Elsewhere threads are not placed.

import (
	"errors"
	"runtime"
)

func onOneProcessor() (restore func(), err error) {
	return nil, errors.New("the runner does not know how to ask " + runtime.GOOS)
}
