package compat

import (
	"headwater"
)

// UpdateResult is a change that was made: "set" with its value, "incremented" with its amount, or "removed".
type UpdateResult struct {
	Type  string
	DocID DocumentID
	Path  string
	// Value is what was set, or by how much it was incremented.
	Value any
}

// UpdateResultsMap is which changes were made, by DocumentID.String of the documents.
type UpdateResultsMap map[string][]UpdateResult

func resultsOf(own *headwater.MutableDocument) []UpdateResult {
	var results []UpdateResult
	for _, change := range own.Changes() {
		result := UpdateResult{Type: change.Kind, DocID: DocumentID{own.ID()}, Path: change.Path, Value: change.Value}
		switch change.Kind {
		case "increment":
			result.Type = "incremented"
		case "unset":
			result.Type, result.Value = "removed", nil
		}
		results = append(results, result)
	}
	return results
}

func updateWith(find *headwater.Find, change func([]*MutableDocument)) (UpdateResultsMap, error) {
	results := UpdateResultsMap{}
	_, err := find.UpdateWith(func(documents []*headwater.MutableDocument) {
		change(mutables(documents))
		for _, document := range documents {
			results[DocumentID{document.ID()}.String()] = resultsOf(document)
		}
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// WriteTransactionResult is what was written of a document: it was "inserted", "updated" or "removed".
type WriteTransactionResult struct {
	Type           string
	DocID          DocumentID
	CollectionName string
}

// WriteTransaction is writes that are committed together, or not at all.
type WriteTransaction struct {
	own     *headwater.Transaction
	results *[]WriteTransactionResult
}

// Scoped is a collection in it.
func (transaction *WriteTransaction) Scoped(name string) *WriteTransactionCollection {
	return &WriteTransactionCollection{transaction, transaction.own.Collection(name), name}
}

// WriteTransactionCollection is a collection in a write transaction.
type WriteTransactionCollection struct {
	transaction *WriteTransaction
	own         *headwater.TransactionCollection
	name        string
}

// Upsert is as Collection.Upsert.
func (collection *WriteTransactionCollection) Upsert(value map[string]any) (DocumentID, error) {
	id, err := collection.own.UpsertTyped(value, typesOf(value, "", headwater.FieldTypes{}, 0))
	if err != nil {
		return DocumentID{}, err
	}
	collection.note("inserted", id)
	return DocumentID{id}, nil
}

// UpsertWithStrategy is as Collection.UpsertWithStrategy.
func (collection *WriteTransactionCollection) UpsertWithStrategy(
	value map[string]any, strategy WriteStrategy,
) (DocumentID, error) {
	if strategy == Merge {
		return collection.Upsert(value)
	}
	id, err := insert(collection.name, value, strategy, collection.transaction.own.Execute)
	if err == nil {
		collection.note("inserted", id.Value)
	}
	return id, err
}

// Find is the documents that match.
func (collection *WriteTransactionCollection) Find(
	query string, args map[string]any,
) *WriteTransactionPendingCursorOperation {
	return &WriteTransactionPendingCursorOperation{collection, collection.own.Find(query).Args(args)}
}

// FindAll is all documents.
func (collection *WriteTransactionCollection) FindAll() *WriteTransactionPendingCursorOperation {
	return collection.Find("true", nil)
}

// FindByID is the document with this id.
func (collection *WriteTransactionCollection) FindByID(id any) *WriteTransactionPendingIDSpecificOperation {
	return &WriteTransactionPendingIDSpecificOperation{collection, NewDocumentID(id).Value}
}

func (collection *WriteTransactionCollection) note(kind string, ids ...any) {
	for _, id := range ids {
		result := WriteTransactionResult{kind, DocumentID{id}, collection.name}
		*collection.transaction.results = append(*collection.transaction.results, result)
	}
}

// WriteTransactionPendingCursorOperation is documents in a write transaction.
type WriteTransactionPendingCursorOperation struct {
	collection *WriteTransactionCollection
	find       *headwater.Find
}

// Sort sorts by what stands at a path.
func (cursor *WriteTransactionPendingCursorOperation) Sort(
	path string, direction SortDirection,
) *WriteTransactionPendingCursorOperation {
	return &WriteTransactionPendingCursorOperation{cursor.collection, sorted(cursor.find, path, direction)}
}

// Limit is at most so many.
func (cursor *WriteTransactionPendingCursorOperation) Limit(limit int) *WriteTransactionPendingCursorOperation {
	return &WriteTransactionPendingCursorOperation{cursor.collection, cursor.find.Limit(limit)}
}

// Offset leaves the first ones out.
func (cursor *WriteTransactionPendingCursorOperation) Offset(offset int) *WriteTransactionPendingCursorOperation {
	return &WriteTransactionPendingCursorOperation{cursor.collection, cursor.find.Offset(offset)}
}

// Exec is the documents.
func (cursor *WriteTransactionPendingCursorOperation) Exec() ([]Document, error) {
	found, err := cursor.find.Documents()
	return documentsOf(found), err
}

// Update has a function change the documents.
func (cursor *WriteTransactionPendingCursorOperation) Update(
	change func([]*MutableDocument),
) (UpdateResultsMap, error) {
	var ids []any
	results, err := updateWith(cursor.find, func(documents []*MutableDocument) {
		change(documents)
		for _, document := range documents {
			ids = append(ids, document.ID().Value)
		}
	})
	if err == nil {
		cursor.collection.note("updated", ids...)
	}
	return results, err
}

// Remove removes them: their ids.
func (cursor *WriteTransactionPendingCursorOperation) Remove() ([]DocumentID, error) {
	written, err := cursor.find.Remove()
	if err != nil {
		return nil, err
	}
	cursor.collection.note("removed", written.IDs()...)
	return idsOf(written.IDs()), nil
}

// WriteTransactionPendingIDSpecificOperation is a document in a write transaction.
type WriteTransactionPendingIDSpecificOperation struct {
	collection *WriteTransactionCollection
	id         any
}

// Exec is the document, or nil.
func (byID *WriteTransactionPendingIDSpecificOperation) Exec() (*Document, error) {
	found, err := byID.collection.own.FindByID(byID.id)
	if found == nil {
		return nil, err
	}
	return &Document{found}, nil
}

// Update has a function change the document, which is not called if there is none.
func (byID *WriteTransactionPendingIDSpecificOperation) Update(change func(*MutableDocument)) ([]UpdateResult, error) {
	var results []UpdateResult
	isThere, err := byID.collection.own.UpdateWith(byID.id, func(own *headwater.MutableDocument) {
		change(&MutableDocument{own})
		results = resultsOf(own)
	})
	if isThere {
		byID.collection.note("updated", byID.id)
	}
	return results, err
}

// Remove removes it: whether it was there.
func (byID *WriteTransactionPendingIDSpecificOperation) Remove() (bool, error) {
	isThere, err := byID.collection.own.Remove(byID.id)
	if isThere {
		byID.collection.note("removed", byID.id)
	}
	return isThere, err
}
