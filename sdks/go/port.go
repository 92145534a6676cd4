package headwater

// A peer as messages: what is asked, what is answered, what is told.
//
// Invariants: whoever holds the handle keeps the peer open, and one that is collected is closed; each call that was begun
// has its one answer; to stop waiting for one ends the waiting alone.
// Not here: what messages mean (docs/reference/small-peer-calls.md).

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"time"
)

// abi is which list of calls this package knows (sdks/calls.json).
const abi = 1

// port is a handle of an open peer.
type port struct {
	core *core
}

func openPort(config Config) (*port, error) {
	if err := load(); err != nil {
		return nil, err
	}
	request, err := encode(config.message())
	if err != nil {
		return nil, err
	}
	number, answer := nativeOpen(request)
	if number == 0 {
		_, err := given(answer)
		return nil, err
	}
	port := &port{core: newCore(number, config)}
	runtime.SetFinalizer(port, forgotten)
	if err := port.checkABI(); err != nil {
		port.close()
		return nil, err
	}
	return port, nil
}

// forgotten closes a peer that nobody holds. It may wait for the disk, which finalizers should not.
func forgotten(port *port) {
	go port.core.close()
}

// checkABI asks the library for its list: an older one takes a configuration without a look at its number.
func (port *port) checkABI() error {
	answer, err := port.call(Document{"call": "info"})
	if err != nil {
		return newError(ErrUnsupported, "%s does not say which list of calls it has: %v", loaded, err)
	}
	if answer["abi"] != int64(abi) {
		return newError(ErrUnsupported, "%s has list %v of calls, not %d", loaded, answer["abi"], abi)
	}
	return nil
}

// call waits for the answer.
func (port *port) call(request Document) (Document, error) {
	message, err := encode(request)
	if err != nil {
		return nil, err
	}
	return given(port.callBytes(message))
}

// callBytes is the same without a look at the messages.
func (port *port) callBytes(request []byte) []byte {
	answer := nativeCall(port.core.number, request)
	runtime.KeepAlive(port)
	return answer
}

// await is the same for what may take long: until the context is done, and no longer.
func (port *port) await(ctx context.Context, request Document) (Document, error) {
	if deadline, has := ctx.Deadline(); has {
		left := math.Ceil(time.Until(deadline).Seconds() * 1000)
		request["timeout_ms"] = int64(math.Max(left, 0))
	}
	return port.awaitAsItIs(ctx, request)
}

// awaitAsItIs is the same for a request that takes no time.
func (port *port) awaitAsItIs(ctx context.Context, request Document) (Document, error) {
	message, err := encode(request)
	if err != nil {
		return nil, err
	}
	waiting := waiting{answers: make(chan []byte, 1)}
	if !nativeCallAsync(port.core.number, message, waiting) {
		return port.call(request) // which says what is wrong
	}
	defer runtime.KeepAlive(port)
	select {
	case answer := <-waiting.answers:
		return given(answer)
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, &Error{Code: ErrTimedOut, Message: "nothing came within the time", cause: ctx.Err()}
		}
		return nil, ctx.Err()
	}
}

// waiting is an answer that somebody waits for.
type waiting struct {
	answers chan []byte
}

func (waiting waiting) tell(message []byte) {
	waiting.answers <- message // there is one
}

func (waiting waiting) drop() {}

// subscribe has callback called with each event, on the dispatcher.
func (port *port) subscribe(request Document, callback func(Document)) (*watch, error) {
	kind := request["watch"]
	watch := newWatch(port.core, kind != "rejected" && kind != "token", callback)
	var err error
	watch.number, err = port.watch(request, watch)
	return watch, err
}

// watch has told told on the library's thread: its number.
func (port *port) watch(request Document, told told) (uint64, error) {
	message, err := encode(request)
	if err != nil {
		return 0, err
	}
	number, answer := nativeSubscribe(port.core.number, message, told)
	runtime.KeepAlive(port)
	if number == 0 {
		_, err := given(answer)
		return 0, err
	}
	return number, nil
}

// close waits until the files are closed and callbacks have ended; within one that comes after it.
func (port *port) close() {
	runtime.SetFinalizer(port, nil)
	port.core.close()
	port.core.join()
}

// given is what an answer gives; one that is an error is returned as one.
func given(answer []byte) (Document, error) {
	message, err := decode(answer)
	if err != nil {
		return nil, err
	}
	if fault, isError := message["error"]; isError {
		return nil, errorOf(fault)
	}
	return message, nil
}

// newest is the newest event of a watch that nobody took.
type newest struct {
	mutex   sync.Mutex
	message []byte
	isEnded bool
	ring    chan struct{}
}

func (newest *newest) tell(message []byte) {
	newest.mutex.Lock()
	newest.message = message
	newest.mutex.Unlock()
	newest.rings()
}

func (newest *newest) drop() {
	newest.mutex.Lock()
	newest.isEnded = true
	newest.mutex.Unlock()
	newest.rings()
}

func (newest *newest) rings() {
	select {
	case newest.ring <- struct{}{}:
	default: // it was rung
	}
}

func (newest *newest) take() (message []byte, isEnded bool) {
	newest.mutex.Lock()
	defer newest.mutex.Unlock()
	message, newest.message = newest.message, nil
	return message, newest.isEnded
}
