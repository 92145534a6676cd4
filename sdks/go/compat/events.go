package compat

import (
	"sync"

	"headwater"
)

// LiveQueryEvent is what is different from the documents before. Places of deletions are in OldDocuments.
type LiveQueryEvent struct {
	IsInitial                      bool
	OldDocuments                   []Document
	Insertions, Deletions, Updates []int
	Moves                          []LiveQueryMove
}

// LiveQueryMove is from and to where a document moved.
type LiveQueryMove = headwater.Move

func eventOf(own headwater.LocalEvent) LiveQueryEvent {
	return LiveQueryEvent{
		own.IsInitial, documentsOf(own.OldDocuments), own.Insertions, own.Deletions, own.Updates, own.Moves,
	}
}

// SingleDocumentLiveQueryEvent is the same of one document.
type SingleDocumentLiveQueryEvent struct {
	IsInitial   bool
	OldDocument *Document
}

// LiveQuery is one who is told of documents.
type LiveQuery struct {
	own *headwater.Observer
}

func live(own *headwater.Observer, err error) (*LiveQuery, error) {
	if err != nil {
		return nil, err
	}
	return &LiveQuery{own}, nil
}

// Stop ends it.
func (live *LiveQuery) Stop() {
	live.own.Cancel()
}

// IsStopped says whether it was ended.
func (live *LiveQuery) IsStopped() bool {
	return live.own.IsCancelled()
}

// paced tells an event when the one before is done with. What comes meanwhile is told once.
type paced struct {
	tell    func(documents []headwater.Document, signalNext func())
	mutex   sync.Mutex
	waiting []headwater.Document
	has     bool
	isBusy  bool
}

func newPaced(tell func([]headwater.Document, func())) *paced {
	return &paced{tell: tell}
}

func (paced *paced) take(documents []headwater.Document) {
	paced.mutex.Lock()
	paced.waiting, paced.has = documents, true
	paced.mutex.Unlock()
	paced.proceed()
}

func (paced *paced) proceed() {
	paced.mutex.Lock()
	documents := paced.waiting
	isTold := paced.has && !paced.isBusy
	if isTold {
		paced.waiting, paced.has, paced.isBusy = nil, false, true
	}
	paced.mutex.Unlock()
	if !isTold {
		return
	}
	var once sync.Once
	paced.tell(documents, func() {
		once.Do(func() {
			paced.mutex.Lock()
			paced.isBusy = false
			paced.mutex.Unlock()
			go paced.proceed()
		})
	})
}

// pacedLocal tells what is different from the documents that were told before.
func pacedLocal(find *headwater.Find, handler func([]Document, LiveQueryEvent, func())) (*LiveQuery, error) {
	var before []headwater.Document
	isInitial := true
	paced := newPaced(func(found []headwater.Document, signalNext func()) {
		event := headwater.LocalEvent{IsInitial: true}
		if !isInitial {
			event = headwater.Difference(before, found)
		}
		before, isInitial = found, false
		handler(documentsOf(found), eventOf(event), signalNext)
	})
	return live(find.Observe(paced.take))
}
