package headwater

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const all = "SELECT * FROM people"

func TestTheCurrentResultComesFirstAndThenWhatChanges(t *testing.T) {
	headwater := open(t, Config{})
	people := headwater.Store().Collection("people")
	var results seen[[]Document]
	observer := good(headwater.Store().RegisterObserver(all, nil, results.tell))(t)
	results.wait(t, func(all [][]Document) bool { return len(all) > 0 && len(all[0]) == 0 })
	good(people.Upsert(Document{"_id": "ann", "age": 1}))(t)
	results.wait(t, func(all [][]Document) bool { return len(all[len(all)-1]) == 1 })
	observer.Cancel()
	if !observer.IsCancelled() {
		t.Fatal("it is not")
	}
	var events seen[LocalEvent]
	good(people.Find("true").Sort("_id").ObserveLocal(func(_ []Document, event LocalEvent) { events.tell(event) }))(t)
	events.waitFor(t, 1)
	good(people.Upsert(Document{"_id": "abe"}))(t)
	event := events.waitFor(t, 2)[1]
	expected := LocalEvent{
		OldDocuments: []Document{{"_id": "ann", "age": int64(1)}}, Insertions: []int{0}, Moves: []Move{{0, 1}},
	}
	if !reflect.DeepEqual(event, expected) {
		t.Fatal(event)
	}
}

func TestStreams(t *testing.T) {
	headwater := open(t, Config{})
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	results := good(headwater.Store().Observe(all, nil))(t)
	if items := good(results.Next(ctx))(t); len(items) != 0 {
		t.Fatal(items)
	}
	good(headwater.Store().Collection("people").Upsert(Document{}))(t)
	if items := good(results.Next(ctx))(t); len(items) != 1 {
		t.Fatal(items)
	}
	soon, cancelSoon := context.WithTimeout(ctx, time.Millisecond)
	defer cancelSoon()
	if _, err := results.Next(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	states := good(headwater.Sync().States())(t)
	if state := good(states.Next(ctx))(t); state != Stopped {
		t.Fatal(state)
	}
	states.Cancel()
	_, err := states.Next(ctx)
	hasCode(t, ErrClosed, err)
	go headwater.Close()
	for err = nil; err == nil; {
		_, err = results.Next(ctx)
	}
	hasCode(t, ErrClosed, err)
}

func TestAPanicOfACallbackGoesToOnPanic(t *testing.T) {
	var panics seen[any]
	headwater := open(t, Config{Dir: t.TempDir(), OnPanic: func(value any, stack []byte) {
		if !strings.Contains(string(stack), "life_test.go") {
			t.Error(string(stack))
		}
		panics.tell(value)
	}})
	var others seen[int]
	good(headwater.Store().RegisterObserver(all, nil, func([]Document) { panic("of a callback") }))(t)
	good(headwater.Store().RegisterObserver(all, nil, func([]Document) { runtime.Goexit() }))(t)
	good(headwater.Store().RegisterObserver(all, nil, func(items []Document) { others.tell(len(items)) }))(t)
	others.waitFor(t, 1)
	good(headwater.Store().Collection("people").Upsert(Document{}))(t)
	others.waitFor(t, 2)
	if value := panics.waitFor(t, 2)[0]; value != "of a callback" {
		t.Fatal(value)
	}
}

func TestAPanicThatNobodyWantsEndsTheProgramAsEveryOther(t *testing.T) {
	ran := run(t, "panic", t.TempDir())
	if ran.isGood || !strings.Contains(ran.faults, "panic: of a callback") || !strings.Contains(ran.faults, "programs_test.go") {
		t.Fatal(ran)
	}
}

func TestAResultThatCannotBeHadGoesToOnError(t *testing.T) {
	var faults seen[error]
	headwater := open(t, Config{Dir: t.TempDir(), OnError: faults.tell})
	observer := good(headwater.Store().RegisterObserver(all, nil, func([]Document) {}))(t)
	observer.watch.tell([]byte(`{"error":{"code":"closed","message":"it is"}}`))
	observer.watch.tell([]byte(`{"error":{"code":"too_expensive","message":"it is"}}`))
	hasCode(t, ErrTooExpensive, faults.waitFor(t, 1)[0])
}

func TestAProgramMayEndWithEverythingOpen(t *testing.T) {
	dir := t.TempDir()
	if ran := run(t, "exit", dir); !ran.isGood || ran.printed != "a <nil>\n" {
		t.Fatal(ran)
	}
	found := good(open(t, Config{Dir: filepath.Join(dir, "peer")}).Store().Collection("a").FindByID("a"))(t)
	if found == nil {
		t.Fatal("it is gone")
	}
}

func TestCancelWaitsForACallbackThatRuns(t *testing.T) {
	headwater := open(t, Config{})
	began, proceed := make(chan bool), make(chan bool)
	var hasEnded atomic.Bool
	observer := good(headwater.Store().RegisterObserver(all, nil, func([]Document) {
		began <- true
		<-proceed
		hasEnded.Store(true)
	}))(t)
	<-began
	cancelled := make(chan bool)
	go func() {
		observer.Cancel()
		cancelled <- hasEnded.Load()
	}()
	proceed <- true
	if !<-cancelled {
		t.Fatal("it did not wait")
	}
}

func TestCancelAndCloseWithinACallback(t *testing.T) {
	headwater := open(t, Config{})
	store := headwater.Store()
	var told seen[string]
	observers := make(chan *Observer, 1)
	observers <- good(store.RegisterObserver(all, nil, func([]Document) {
		observer := <-observers
		observer.Cancel()
		observer.Cancel()
		told.tell("cancelled")
	}))(t)
	told.waitFor(t, 1)
	for number := 0; number < 5; number++ {
		good(store.Collection("people").Upsert(Document{"_id": number}))(t)
	}
	good(store.RegisterObserver(all, nil, func([]Document) {
		_ = headwater.Close()
		_ = headwater.Close()
		told.tell("closed")
	}))(t)
	told.waitFor(t, 2)
	_ = headwater.Close()
	if !reflect.DeepEqual(told.copy(), []string{"cancelled", "closed"}) {
		t.Fatal(told.copy())
	}
}

func TestEverythingIsClosedAfterClose(t *testing.T) {
	headwater := open(t, Config{})
	store, sync := headwater.Store(), headwater.Sync()
	good(store.Collection("a").Upsert(Document{}))(t)
	observer := good(store.RegisterObserver(all, nil, func([]Document) {}))(t)
	waiting := make(chan error)
	go func() {
		_, err := sync.Flushed(context.Background())
		waiting <- err
	}()
	_ = headwater.Close()
	hasCode(t, ErrClosed, <-waiting)
	for _, call := range []func() error{
		headwater.StartSync,
		func() error { _, err := headwater.Info(); return err },
		func() error { _, err := store.Execute(all, nil); return err },
		func() error { _, err := store.Collection("a").Upsert(Document{}); return err },
		func() error { _, err := store.RegisterObserver(all, nil, func([]Document) {}); return err },
		func() error { _, err := store.Observe(all, nil); return err },
		func() error { _, err := store.Transaction(func(*Transaction) error { return nil }); return err },
		func() error { _, err := sync.Flushed(context.Background()); return err },
		func() error { _, err := sync.RegisterSubscription(all, nil); return err },
	} {
		hasCode(t, ErrClosed, call())
	}
	observer.Cancel()
	if !headwater.IsClosed() || headwater.Close() != nil {
		t.Fatal("it is not closed")
	}
}

func TestAPeerThatIsCollectedIsClosed(t *testing.T) {
	dir := t.TempDir()
	func() {
		headwater := good(Open(Config{Dir: dir, TokenSource: func() string { return "" }}))(t)
		good(headwater.Store().RegisterObserver(all, nil, func([]Document) {}))(t)
		good(headwater.Store().Observe(all, nil))(t)
	}()
	eventually(t, func() bool {
		runtime.GC()
		headwater, err := Open(Config{Dir: dir})
		if err == nil {
			_ = headwater.Close()
		}
		return err == nil
	})
}

func TestWhatIsGotFromAPeerKeepsItOpen(t *testing.T) {
	people := good(Open(Config{Dir: t.TempDir()}))(t).Store().Collection("people")
	for range make([]int, 3) {
		runtime.GC()
	}
	good(people.Upsert(Document{}))(t)
	people.port.close()
}

func TestTenThousandObserversLeaveNothing(t *testing.T) {
	headwater := open(t, Config{})
	rounds := func(count int) (heap uint64) {
		for number := 0; number < count; number++ {
			good(headwater.Store().RegisterObserver(all, nil, func([]Document) {}))(t).Cancel()
		}
		good(headwater.Sync().State())(t)
		runtime.GC()
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		return memory.HeapAlloc
	}
	before := rounds(1000)
	after := rounds(10000)
	if after > before+64<<10 {
		t.Fatalf("%d bytes stay", after-before)
	}
	t.Logf("heap: %d B after 1,000 observers, %d B after 10,000 more", before, after)
}

func TestManyWriteObserveAndCloseAtOnce(t *testing.T) {
	headwater := open(t, Config{})
	var running sync.WaitGroup
	for number := 0; number < 6; number++ {
		running.Add(1)
		go func(number int) {
			defer running.Done()
			for turn := 0; ; turn++ {
				_, err := headwater.Store().Collection("people").Upsert(Document{"_id": number, "turn": turn})
				if err == nil {
					var observer *Observer
					if observer, err = headwater.Store().RegisterObserver(all, nil, func([]Document) {}); err == nil {
						observer.Cancel()
					}
				}
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				if number == 0 && turn == 5 {
					_ = headwater.Close()
				}
			}
		}(number)
	}
	running.Wait()
}
