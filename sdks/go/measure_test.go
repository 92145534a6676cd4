package headwater

// What calls cost: the test binary with the word measure. Many short rounds of everything in turns; of each the best one:
// on a machine that does other things too, the others measure those.

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"
)

const (
	measuredRounds  = 100
	measuredCalls   = 100
	measuredUpserts = 20
)

// cost is what is measured, and its best round in nanoseconds a call.
type cost struct {
	what  string
	calls int
	do    func(times int)
	best  float64
}

func measure() {
	folder, err := os.MkdirTemp("", "headwater-measure-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	headwater, err := Open(Config{Dir: folder, Relaxed: true})
	if err != nil {
		panic(err)
	}
	defer headwater.Close()
	costs := costsOf(headwater)
	for round := 0; round < measuredRounds; round++ {
		for index := range costs {
			cost := &costs[index]
			began := time.Now()
			cost.do(cost.calls)
			cost.best = math.Min(cost.best, float64(time.Since(began).Nanoseconds())/float64(cost.calls))
		}
	}
	for _, cost := range costs {
		fmt.Printf("%-44s %8.2f us %10.0f /s\n", cost.what, cost.best/1000, 1e9/cost.best)
	}
}

func costsOf(headwater *Headwater) []cost {
	filling := strings.Repeat("x", 100)
	value := Document{"_id": "customer-000017", "name": "Susan", "age": 31, "tags": []any{"new", "vip"}, "more": filling}
	people, port := headwater.Store().Collection("people"), headwater.port
	echo := Document{"call": "echo", "value": value}
	echoBytes := mustEncode(echo)
	upsertBytes := mustEncode(Document{"call": "upsert", "collection": "people", "value": value})
	often := func(message []byte) func(int) {
		return func(times int) { nativeCallOften(port.core.number, message, times) }
	}
	each := func(do func() error) func(int) {
		return func(times int) {
			for ; times > 0; times-- {
				if err := do(); err != nil {
					panic(err)
				}
			}
		}
	}
	costs := []cost{
		{what: fmt.Sprintf("echo of %d B, called from C", len(echoBytes)), do: often(echoBytes)},
		{what: "the same from Go, bytes", do: each(func() error { port.callBytes(echoBytes); return nil })},
		{what: "the same from Go, values", do: each(func() error { _, err := port.call(echo); return err })},
		{what: "upsert, called from C, the message ready", calls: measuredUpserts, do: often(upsertBytes)},
		{what: "upsert", calls: measuredUpserts, do: each(func() error { _, err := people.Upsert(value); return err })},
		{what: "find_by_id", do: each(func() error { _, err := people.FindByID("customer-000017"); return err })},
	}
	for index := range costs {
		costs[index].best = math.Inf(1)
		if costs[index].calls == 0 {
			costs[index].calls = measuredCalls
		}
	}
	return costs
}

func mustEncode(message Document) []byte {
	encoded, err := encode(message)
	if err != nil {
		panic(err)
	}
	return encoded
}
