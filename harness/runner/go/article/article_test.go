package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestAllOtherVariantsConsumeEverything(t *testing.T) {
	for _, v := range variants {
		if v.Name == "mutex-published" {
			continue
		}
		// Fewer items than the ring holds, exactly as many, one more, and many times around it.
		for _, n := range []int{1, slots, slots + 1, 50_000} {
			r, err := timed(v.Name, n)
			if err != nil {
				t.Fatal(err)
			}
			if r.Consumed != n || r.N != n || r.Ns <= 0 {
				t.Errorf("%s of %d: %+v", v.Name, n, r)
			}
		}
	}
}

// The scheduler decides how much it consumes, but the rest is always within n.
func TestThePublishedMutexVersionIsBounded(t *testing.T) {
	if _, err := timed("mutex-published", maxItems+1); err == nil {
		t.Error("more than the maximum number of items was accepted")
	}
	r, err := timed("mutex-published", maxItems)
	if err != nil {
		t.Fatal(err)
	}
	if r.Consumed < 0 || r.Consumed > maxItems {
		t.Errorf("consumed %d of %d", r.Consumed, maxItems)
	}
}

// Its producer has ended when the round is over, so that it does not disturb the next one, and no item is
// lost.
func TestThePublishedMutexVersionLeavesWhatItDidNotConsume(t *testing.T) {
	got := publishedMutex(10_000)
	if left := got.left(); got.consumed+left != 10_000 {
		t.Errorf("consumed %d, left %d", got.consumed, left)
	}
}

func TestAVariantThatLosesItemsIsAnError(t *testing.T) {
	whole := variants
	defer func() { variants = whole }()
	variants = []variant{{"loses", "", func(n int) result { return result{consumed: n - 1} }}}
	_, err := timed("loses", 10)
	if err == nil || !strings.Contains(err.Error(), "loses consumed 9 of 10 items") {
		t.Error(err)
	}
}

func TestEachLineIsAnsweredWithARound(t *testing.T) {
	var out bytes.Buffer
	if err := serve(strings.NewReader("channel-published 10\nmutex-spinning 20\n"), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"variants":[{"name":"channel-published"`) {
		t.Fatal(lines)
	}
	var r round
	if err := json.Unmarshal([]byte(lines[2]), &r); err != nil || r.Variant != "mutex-spinning" || r.Consumed != 20 {
		t.Errorf("%+v: %v", r, err)
	}
	for _, wrong := range []string{"channel-published\n", "channel-published 0\n", "no-such 1\n"} {
		if err := serve(strings.NewReader(wrong), &out); err == nil {
			t.Errorf("%q was accepted", wrong)
		}
	}
}
