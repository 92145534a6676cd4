package compat

import (
	"strings"

	"headwater"
)

// WriteStrategy is in which of the vendor's ways a document is written.
type WriteStrategy string

// The ways to write.
const (
	Merge                 WriteStrategy = "merge"
	InsertIfAbsent        WriteStrategy = "insertIfAbsent"
	InsertDefaultIfAbsent WriteStrategy = "insertDefaultIfAbsent"
	UpdateDifferentValues WriteStrategy = "updateDifferentValues"
)

var statements = map[WriteStrategy][2]string{
	InsertIfAbsent:        {"DOCUMENTS", "ON ID CONFLICT DO NOTHING"},
	InsertDefaultIfAbsent: {"INITIAL DOCUMENTS", ""},
	UpdateDifferentValues: {"DOCUMENTS", "ON ID CONFLICT DO UPDATE_LOCAL_DIFF"},
}

// insert writes by a statement.
func insert(
	collection string, value map[string]any, strategy WriteStrategy,
	execute func(string, headwater.Arguments) (*headwater.Executed, error),
) (DocumentID, error) {
	words, isKnown := statements[strategy]
	if !isKnown {
		return DocumentID{}, &DittoError{Code: headwater.ErrUnsupported, Message: "there is no write strategy " + string(strategy)}
	}
	quoted := "`" + strings.ReplaceAll(collection, "`", "``") + "`"
	executed, err := execute("INSERT INTO "+quoted+" "+words[0]+" (:value) "+words[1], headwater.Arguments{"value": value})
	if err != nil {
		return DocumentID{}, err
	}
	if mutated := executed.MutatedDocumentIDs(); len(mutated) > 0 {
		return DocumentID{mutated[0]}, nil
	}
	return NewDocumentID(value["_id"]), nil
}

// Collection is a collection.
type Collection struct {
	own  *headwater.Headwater
	name string
}

// Name is its name.
func (collection *Collection) Name() string {
	return collection.name
}

func (collection *Collection) documents() *headwater.Collection {
	return collection.own.Store().Collection(collection.name)
}

// Upsert merges an object into the document that its _id names, or makes a new one: its id.
func (collection *Collection) Upsert(value map[string]any) (DocumentID, error) {
	written, err := collection.documents().UpsertTyped(value, typesOf(value, "", headwater.FieldTypes{}, 0))
	if err != nil {
		return DocumentID{}, err
	}
	return DocumentID{written.ID()}, nil
}

// UpsertWithStrategy writes a document in another way.
func (collection *Collection) UpsertWithStrategy(value map[string]any, strategy WriteStrategy) (DocumentID, error) {
	if strategy == Merge {
		return collection.Upsert(value)
	}
	return insert(collection.name, value, strategy, collection.own.Store().Execute)
}

// Find is the documents that match; args says what $args.name stands for, or is nil.
func (collection *Collection) Find(query string, args map[string]any) *PendingCursorOperation {
	return &PendingCursorOperation{collection.documents().Find(query).Args(args), query, args}
}

// FindAll is all documents.
func (collection *Collection) FindAll() *PendingCursorOperation {
	return collection.Find("true", nil)
}

// FindByID is the document with this id.
func (collection *Collection) FindByID(id any) *PendingIDSpecificOperation {
	return &PendingIDSpecificOperation{collection.documents(), NewDocumentID(id).Value}
}

// SortDirection is in which order documents are.
type SortDirection bool

// The orders.
const (
	Ascending  SortDirection = false
	Descending SortDirection = true
)

func sorted(find *headwater.Find, path string, direction SortDirection) *headwater.Find {
	if direction == Descending {
		return find.SortDescending(path)
	}
	return find.Sort(path)
}

// PendingCursorOperation is documents that match.
type PendingCursorOperation struct {
	find  *headwater.Find
	query string
	args  map[string]any
}

// Sort sorts by what stands at a path.
func (cursor *PendingCursorOperation) Sort(path string, direction SortDirection) *PendingCursorOperation {
	return cursor.with(sorted(cursor.find, path, direction))
}

// Limit is at most so many.
func (cursor *PendingCursorOperation) Limit(limit int) *PendingCursorOperation {
	return cursor.with(cursor.find.Limit(limit))
}

// Offset leaves the first ones out.
func (cursor *PendingCursorOperation) Offset(offset int) *PendingCursorOperation {
	return cursor.with(cursor.find.Offset(offset))
}

// Exec is the documents.
func (cursor *PendingCursorOperation) Exec() ([]Document, error) {
	found, err := cursor.find.Documents()
	return documentsOf(found), err
}

// Update has a function change the documents, in one transaction.
func (cursor *PendingCursorOperation) Update(change func([]*MutableDocument)) (UpdateResultsMap, error) {
	return updateWith(cursor.find, change)
}

// Remove removes all that match: their ids.
func (cursor *PendingCursorOperation) Remove() ([]DocumentID, error) {
	written, err := cursor.find.Remove()
	if err != nil {
		return nil, err
	}
	return idsOf(written.IDs()), nil
}

// Evict takes all that match out of this store alone: their ids.
func (cursor *PendingCursorOperation) Evict() ([]DocumentID, error) {
	ids, err := cursor.find.Evict()
	return idsOf(ids), err
}

// Subscribe subscribes to all that match.
func (cursor *PendingCursorOperation) Subscribe() (*SyncSubscription, error) {
	return subscribed(cursor.query, cursor.args)(cursor.find.Subscribe())
}

// ObserveLocal calls handler with the documents now, and again with what is different whenever they change.
func (cursor *PendingCursorOperation) ObserveLocal(handler func([]Document, LiveQueryEvent)) (*LiveQuery, error) {
	return live(cursor.find.ObserveLocal(func(found []headwater.Document, event headwater.LocalEvent) {
		handler(documentsOf(found), eventOf(event))
	}))
}

// ObserveLocalWithNextSignal is the same, but not before the handler has called the third thing that it is given.
func (cursor *PendingCursorOperation) ObserveLocalWithNextSignal(
	handler func(documents []Document, event LiveQueryEvent, signalNext func()),
) (*LiveQuery, error) {
	return pacedLocal(cursor.find, handler)
}

func (cursor *PendingCursorOperation) with(find *headwater.Find) *PendingCursorOperation {
	return &PendingCursorOperation{find, cursor.query, cursor.args}
}

// PendingIDSpecificOperation is a document that is named by its id.
type PendingIDSpecificOperation struct {
	collection *headwater.Collection
	id         any
}

// Exec is the document, or nil.
func (byID *PendingIDSpecificOperation) Exec() (*Document, error) {
	found, err := byID.collection.FindByID(byID.id)
	if found == nil {
		return nil, err
	}
	return &Document{found}, nil
}

// Update has a function change the document, which is not called if there is none.
func (byID *PendingIDSpecificOperation) Update(change func(*MutableDocument)) ([]UpdateResult, error) {
	var results []UpdateResult
	_, err := byID.collection.ByID(byID.id).Update(func(own *headwater.MutableDocument) {
		change(&MutableDocument{own})
		results = resultsOf(own)
	})
	return results, err
}

// Remove removes it: whether it was there.
func (byID *PendingIDSpecificOperation) Remove() (bool, error) {
	written, err := byID.collection.Remove(byID.id)
	return err == nil && len(written.IDs()) > 0, err
}

// Evict takes it out of this store alone: whether it was there.
func (byID *PendingIDSpecificOperation) Evict() (bool, error) {
	return byID.collection.Evict(byID.id)
}

// Subscribe subscribes to the document.
func (byID *PendingIDSpecificOperation) Subscribe() (*SyncSubscription, error) {
	return subscribed("_id == $args.id", map[string]any{"id": byID.id})(byID.collection.ByID(byID.id).Subscribe())
}

// ObserveLocal calls handler with the document, or nil, now and whenever it changes.
func (byID *PendingIDSpecificOperation) ObserveLocal(
	handler func(*Document, SingleDocumentLiveQueryEvent),
) (*LiveQuery, error) {
	return live(byID.collection.ByID(byID.id).Find().ObserveLocal(
		func(found []headwater.Document, event headwater.LocalEvent) {
			handler(firstOf(found), SingleDocumentLiveQueryEvent{event.IsInitial, firstOf(event.OldDocuments)})
		}))
}

func firstOf(found []headwater.Document) *Document {
	if len(found) == 0 {
		return nil
	}
	return &Document{found[0]}
}
