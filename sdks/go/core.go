package headwater

// What stays of a peer when nobody holds it: its number and its dispatcher.
//
// Invariants: what watches tell runs on the peer's one dispatcher goroutine, one at a time; after cancel returned no
// callback of a watch runs, and after close none at all; the library's thread only puts what it says into a queue.
// Not here: messages (port.go).

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
)

// core is an open peer of the library. It knows no handle, so that a handle that nobody holds is collected.
type core struct {
	number   uint64
	isClosed atomic.Bool
	onPanic  func(value any, stack []byte)
	onError  func(error)

	mutex   sync.Mutex
	changed *sync.Cond
	work    []*watch
	hasEnd  bool
	ended   chan struct{}
	// dispatcher is the goroutine that runs callbacks.
	dispatcher atomic.Uint64
}

func newCore(number uint64, config Config) *core {
	core := &core{number: number, onPanic: config.OnPanic, onError: config.OnError, ended: make(chan struct{})}
	core.changed = sync.NewCond(&core.mutex)
	go core.dispatch()
	return core
}

// close has closed the files when it has returned; the dispatcher ends by itself.
func (core *core) close() {
	wasClosed := core.isClosed.Swap(true)
	nativeClose(core.number)
	if !wasClosed {
		core.mutex.Lock()
		core.hasEnd = true
		core.changed.Signal()
		core.mutex.Unlock()
	}
}

// join waits until the last callback has ended, unless it is called within one.
func (core *core) join() {
	if !core.isDispatcher() {
		<-core.ended
	}
}

func (core *core) isDispatcher() bool {
	return core.dispatcher.Load() == goroutine()
}

func (core *core) put(watch *watch) {
	core.mutex.Lock()
	core.work = append(core.work, watch)
	core.changed.Signal()
	core.mutex.Unlock()
}

// next waits for work; nil is the end.
func (core *core) next() *watch {
	core.mutex.Lock()
	defer core.mutex.Unlock()
	for len(core.work) == 0 && !core.hasEnd {
		core.changed.Wait()
	}
	if core.hasEnd {
		return nil
	}
	watch := core.work[0]
	core.work[0] = nil
	core.work = core.work[1:]
	return watch
}

// dispatch runs callbacks until the peer is closed. One that ends its goroutine (runtime.Goexit, a test's FailNow) ends
// this one, and another takes its place.
func (core *core) dispatch() {
	core.dispatcher.Store(goroutine())
	isEnd := false
	defer func() {
		if isEnd {
			close(core.ended)
		} else if recovered := recover(); recovered != nil {
			panic(recovered) // nobody wants it: the program ends, as by every panic
		} else {
			go core.dispatch()
		}
	}()
	for {
		watch := core.next()
		if watch == nil {
			isEnd = true
			return
		}
		watch.run()
	}
}

// watch is what is told until it is cancelled. Where what is told is a state, what nobody looked at yet is told once.
type watch struct {
	core    *core
	number  uint64
	isState bool
	// callback is called with each event.
	callback func(Document)

	mutex       sync.Mutex
	changed     *sync.Cond
	waiting     [][]byte
	isQueued    bool
	isRunning   bool
	isCancelled bool
}

func newWatch(core *core, isState bool, callback func(Document)) *watch {
	watch := &watch{core: core, isState: isState, callback: callback}
	watch.changed = sync.NewCond(&watch.mutex)
	return watch
}

// tell takes an event, on the library's thread.
func (watch *watch) tell(message []byte) {
	watch.mutex.Lock()
	if watch.isState && len(watch.waiting) > 0 {
		watch.waiting[0] = message
	} else {
		watch.waiting = append(watch.waiting, message)
	}
	wasQueued := watch.isQueued
	watch.isQueued = true
	watch.mutex.Unlock()
	if !wasQueued {
		watch.core.put(watch)
	}
}

func (watch *watch) drop() {}

// run tells what waits, on the dispatcher.
func (watch *watch) run() {
	for {
		message := watch.begin()
		if message == nil {
			return
		}
		watch.callOut(message)
	}
}

// begin takes an event; nil is none.
func (watch *watch) begin() []byte {
	watch.mutex.Lock()
	defer watch.mutex.Unlock()
	if len(watch.waiting) == 0 || watch.isCancelled || watch.core.isClosed.Load() {
		watch.waiting, watch.isQueued = nil, false
		return nil
	}
	message := watch.waiting[0]
	watch.waiting = watch.waiting[1:]
	watch.isRunning = true
	return message
}

func (watch *watch) callOut(message []byte) {
	isDone := false
	defer func() {
		watch.mutex.Lock()
		watch.isRunning = false
		isLast := len(watch.waiting) == 0
		if !isDone && isLast {
			watch.isQueued = false
		}
		watch.changed.Broadcast()
		watch.mutex.Unlock()
		if isDone {
			return
		}
		if !isLast {
			watch.core.put(watch) // the others come all the same
		}
		if watch.core.onPanic != nil {
			if value := recover(); value != nil {
				watch.core.onPanic(value, debug.Stack())
			}
		}
	}()
	if event, err := decode(message); err == nil {
		watch.callback(event)
	}
	isDone = true
}

// cancel ends it: after it has returned nothing is told. Within its own callback it returns at once.
func (watch *watch) cancel() {
	watch.mutex.Lock()
	watch.isCancelled = true
	watch.mutex.Unlock()
	nativeUnsubscribe(watch.core.number, watch.number)
	watch.mutex.Lock()
	defer watch.mutex.Unlock()
	watch.waiting = nil
	if watch.isRunning && !watch.core.isDispatcher() {
		for watch.isRunning {
			watch.changed.Wait()
		}
	}
}

func (watch *watch) hasBeenCancelled() bool {
	watch.mutex.Lock()
	defer watch.mutex.Unlock()
	return watch.isCancelled
}

// goroutine is the number of this goroutine, which Go shows in stacks alone. It is asked for when something ends.
func goroutine() uint64 {
	var stack [64]byte
	words := bytes.Fields(stack[:runtime.Stack(stack[:], false)])
	number, _ := strconv.ParseUint(string(words[1]), 10, 64)
	return number
}
