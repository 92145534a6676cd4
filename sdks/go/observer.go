package headwater

// Those who are told: by a callback, or by a loop.
//
// Invariants: the current result comes first; what changes while nobody looks is told once; after Cancel returned no
// callback runs.

import (
	"context"
	"log"
	"runtime"
)

// Observer is one who is called. It ends with Cancel, with the peer, or with the process.
type Observer struct {
	port  *port // what is observed stays open
	watch *watch
}

// Cancel ends it: after it has returned its callback does not run. Within its callback it returns at once.
func (observer *Observer) Cancel() {
	observer.watch.cancel()
	runtime.KeepAlive(observer.port)
}

// IsCancelled says whether it was ended by Cancel.
func (observer *Observer) IsCancelled() bool {
	return observer.watch.hasBeenCancelled()
}

// observe has tell called with each event; one that is an error goes to Config.OnError.
func (port *port) observe(request Document, tell func(Document)) (*Observer, error) {
	core := port.core
	watch, err := port.subscribe(request, func(event Document) {
		fault, isError := event["error"]
		if !isError {
			tell(event)
		} else if err := errorOf(fault); err.Code != ErrClosed {
			core.report(err)
		}
	})
	if err != nil {
		return nil, err
	}
	return &Observer{port, watch}, nil
}

func (core *core) report(err error) {
	if core.onError != nil {
		core.onError(err)
	} else {
		log.Printf("headwater: an observer cannot have its result: %v", err)
	}
}

// Stream is told as a loop asks for it: for { items, err := stream.Next(ctx) … }.
type Stream[T any] struct {
	port   *port
	number uint64
	newest *newest
	read   func(Document) T
}

func streamOf[T any](port *port, request Document, read func(Document) T) (*Stream[T], error) {
	newest := &newest{ring: make(chan struct{}, 1)}
	number, err := port.watch(request, newest)
	if err != nil {
		return nil, err
	}
	stream := &Stream[T]{port, number, newest, read}
	runtime.SetFinalizer(stream, (*Stream[T]).Cancel)
	return stream, nil
}

// Next waits for what is so now, and later for what is so then, until the context is done. After Cancel, and when the peer
// is closed, it is ErrClosed.
func (stream *Stream[T]) Next(ctx context.Context) (T, error) {
	defer runtime.KeepAlive(stream)
	var none T
	for {
		message, isEnded := stream.newest.take()
		if message != nil {
			event, err := given(message)
			if err != nil {
				return none, err
			}
			return stream.read(event), nil
		}
		if isEnded {
			stream.newest.rings() // for others who wait
			return none, newError(ErrClosed, "nothing more comes")
		}
		select {
		case <-stream.newest.ring:
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
}

// Cancel ends it.
func (stream *Stream[T]) Cancel() {
	runtime.SetFinalizer(stream, nil)
	nativeUnsubscribe(stream.port.core.number, stream.number)
}
