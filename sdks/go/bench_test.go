package headwater

import (
	"testing"
)

var (
	echoed   = Document{"call": "echo", "value": Document{"_id": "customer-000017", "name": "Susan", "age": 31, "more": hundred}}
	hundred  = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	measured = Document{"name": "Susan", "age": 31, "tags": []any{"new", "vip"}, "active": true, "more": hundred}
)

func openToMeasure(b *testing.B) *Headwater {
	headwater, err := Open(Config{Dir: b.TempDir(), Relaxed: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = headwater.Close() })
	return headwater
}

// BenchmarkEchoInC is the library's part of an echo: its calls from a loop in C.
func BenchmarkEchoInC(b *testing.B) {
	headwater := openToMeasure(b)
	message, _ := encode(echoed)
	b.ResetTimer()
	nativeCallOften(headwater.port.core.number, message, b.N)
}

// BenchmarkEchoBytes is what a program of Go waits for the same.
func BenchmarkEchoBytes(b *testing.B) {
	headwater := openToMeasure(b)
	message, _ := encode(echoed)
	b.ResetTimer()
	for round := 0; round < b.N; round++ {
		headwater.port.callBytes(message)
	}
}

// BenchmarkEcho is the same with values written and read.
func BenchmarkEcho(b *testing.B) {
	headwater := openToMeasure(b)
	for round := 0; round < b.N; round++ {
		if _, err := headwater.port.call(echoed); err != nil {
			b.Fatal(err)
		}
	}
}

func upsert(value Document, round int) Document {
	value["_id"] = round % 1000
	return value
}

// BenchmarkUpsertInC has the message ready, and calls from C.
func BenchmarkUpsertInC(b *testing.B) {
	headwater := openToMeasure(b)
	message, _ := encode(Document{"call": "upsert", "collection": "people", "value": upsert(measured, 1)})
	b.ResetTimer()
	nativeCallOften(headwater.port.core.number, message, b.N)
}

func BenchmarkUpsert(b *testing.B) {
	people := openToMeasure(b).Store().Collection("people")
	for round := 0; round < b.N; round++ {
		if _, err := people.Upsert(upsert(measured, 1)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFindByID(b *testing.B) {
	people := openToMeasure(b).Store().Collection("people")
	if _, err := people.Upsert(upsert(measured, 7)); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for round := 0; round < b.N; round++ {
		if _, err := people.FindByID(7); err != nil {
			b.Fatal(err)
		}
	}
}
