package headwater

// What is different between two results of one query.
//
// Invariants: documents are told apart by their ids; places of deletions are in the older result, all others in the newer
// one.

import (
	"fmt"
	"reflect"
	"sort"
)

// LocalEvent is what is different from the result before.
type LocalEvent struct {
	// IsInitial: this is the first result; everything is new then, and nothing is named below.
	IsInitial    bool
	OldDocuments []Document
	// Insertions are places of new documents in this result.
	Insertions []int
	// Deletions are places of documents in the result before that are not in this one.
	Deletions []int
	// Updates are places of documents in this result that were in the one before, and are others now.
	Updates []int
	// Moves are from and to where documents moved.
	Moves []Move
}

// Move is from and to where a document moved.
type Move struct {
	From, To int
}

// Difference is what is different in documents from those before.
func Difference(before, documents []Document) LocalEvent {
	event := LocalEvent{OldDocuments: before}
	old, now := places(before), places(documents)
	for place, document := range documents {
		from, wasThere := old[key(document["_id"])]
		if !wasThere {
			event.Insertions = append(event.Insertions, place)
			continue
		}
		if !reflect.DeepEqual(before[from], document) {
			event.Updates = append(event.Updates, place)
		}
		if from != place {
			event.Moves = append(event.Moves, Move{from, place})
		}
	}
	for place, document := range before {
		if _, isThere := now[key(document["_id"])]; !isThere {
			event.Deletions = append(event.Deletions, place)
		}
	}
	sort.Slice(event.Moves, func(one, other int) bool { return event.Moves[one].From < event.Moves[other].From })
	return event
}

func places(documents []Document) map[string]int {
	places := make(map[string]int, len(documents))
	for place, document := range documents {
		places[key(document["_id"])] = place
	}
	return places
}

// key is an id as text that no other id has; the fields of maps are printed in their order.
func key(id any) string {
	return fmt.Sprintf("%#v", id)
}
