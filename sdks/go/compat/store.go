package compat

import (
	"errors"
	"regexp"
	"strings"
	"sync"

	"headwater"
)

// Store has the documents of a peer.
type Store struct {
	own       *headwater.Headwater
	mutex     sync.Mutex
	observers map[*StoreObserver]bool
}

func newStore(own *headwater.Headwater) *Store {
	return &Store{own: own, observers: map[*StoreObserver]bool{}}
}

// Collection is a collection.
func (store *Store) Collection(name string) *Collection {
	return &Collection{store.own, name}
}

// Collections are the collections that have documents.
func (store *Store) Collections() ([]*Collection, error) {
	names, err := store.CollectionNames()
	var collections []*Collection
	for _, name := range names {
		collections = append(collections, store.Collection(name))
	}
	return collections, err
}

// CollectionNames are their names.
func (store *Store) CollectionNames() ([]string, error) {
	executed, err := store.own.Store().Execute("SELECT name FROM system:collections", nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, item := range executed.Items() {
		if name, isName := item["name"].(string); isName {
			names = append(names, name)
		}
	}
	return names, nil
}

// Observers are those who were registered and have not ended.
func (store *Store) Observers() []*StoreObserver {
	store.mutex.Lock()
	defer store.mutex.Unlock()
	var observers []*StoreObserver
	for observer := range store.observers {
		observers = append(observers, observer)
	}
	return observers
}

// Execute runs a statement of DQL; args says what :name stands for, or is nil.
func (store *Store) Execute(query string, args map[string]any) (*QueryResult, error) {
	if isNothing, err := setting(query); isNothing || err != nil {
		return &QueryResult{}, err
	}
	executed, err := store.own.Store().Execute(query, args)
	if err != nil {
		return nil, err
	}
	return resultOf(executed), nil
}

// RegisterObserver calls handler with what a SELECT gives now, and again whenever that may be something else.
func (store *Store) RegisterObserver(
	query string, args map[string]any, handler func(*QueryResult),
) (*StoreObserver, error) {
	own, err := store.own.Store().RegisterObserver(query, args, func(items []headwater.Document) {
		handler(&QueryResult{Items: itemsOf(items)})
	})
	return store.observer(query, args, own, err)
}

// RegisterObserverWithSignalNext is the same, but not before the handler has called the second thing that it is given.
func (store *Store) RegisterObserverWithSignalNext(
	query string, args map[string]any, handler func(result *QueryResult, signalNext func()),
) (*StoreObserver, error) {
	paced := newPaced(func(items []headwater.Document, signalNext func()) {
		handler(&QueryResult{Items: itemsOf(items)}, signalNext)
	})
	own, err := store.own.Store().RegisterObserver(query, args, paced.take)
	return store.observer(query, args, own, err)
}

func (store *Store) observer(
	query string, args map[string]any, own *headwater.Observer, err error,
) (*StoreObserver, error) {
	if err != nil {
		return nil, err
	}
	observer := &StoreObserver{QueryString: query, QueryArguments: args, store: store, own: own}
	store.mutex.Lock()
	store.observers[observer] = true
	store.mutex.Unlock()
	return observer, nil
}

// Write runs write: what it does with the collections of what it is given is one transaction.
func (store *Store) Write(write func(*WriteTransaction) error) ([]WriteTransactionResult, error) {
	var results []WriteTransactionResult
	_, err := store.own.Store().Transaction(func(own *headwater.Transaction) error {
		return write(&WriteTransaction{own, &results})
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// ErrRollBack, given by the function of a transaction, undoes it, and is no error.
var ErrRollBack = errors.New("roll back")

// Transaction runs run: the statements that it executes are one transaction, unless it gives an error.
func (store *Store) Transaction(run func(*DQLTransaction) error) error {
	_, err := store.own.Store().Transaction(func(own *headwater.Transaction) error { return run(&DQLTransaction{own}) })
	if errors.Is(err, ErrRollBack) {
		return nil
	}
	return err
}

// DQLTransaction executes statements in a transaction.
type DQLTransaction struct {
	own *headwater.Transaction
}

// Execute runs a statement of DQL.
func (transaction *DQLTransaction) Execute(query string, args map[string]any) (*QueryResult, error) {
	executed, err := transaction.own.Execute(query, args)
	if err != nil {
		return nil, err
	}
	return resultOf(executed), nil
}

// StoreObserver is one who is told of a result.
type StoreObserver struct {
	// QueryString is the query.
	QueryString string
	// QueryArguments are what stands for its parameters.
	QueryArguments map[string]any
	store          *Store
	own            *headwater.Observer
}

// Cancel ends it: after it has returned its handler does not run.
func (observer *StoreObserver) Cancel() {
	observer.own.Cancel()
	observer.store.mutex.Lock()
	defer observer.store.mutex.Unlock()
	delete(observer.store.observers, observer)
}

// IsCancelled says whether it was ended.
func (observer *StoreObserver) IsCancelled() bool {
	return observer.own.IsCancelled()
}

// QueryResult is what a statement came to.
type QueryResult struct {
	// Items are the rows of a SELECT, or what RETURNING says.
	Items   []QueryResultItem
	mutated []any
}

func resultOf(executed *headwater.Executed) *QueryResult {
	return &QueryResult{itemsOf(executed.Items()), executed.MutatedDocumentIDs()}
}

// MutatedDocumentIDs are the documents that were written or evicted.
func (result *QueryResult) MutatedDocumentIDs() []DocumentID {
	return idsOf(result.mutated)
}

// QueryResultItem is a row.
type QueryResultItem struct {
	// Value has its fields.
	Value map[string]any
}

func itemsOf(items []headwater.Document) []QueryResultItem {
	rows := make([]QueryResultItem, len(items))
	for index, item := range items {
		rows[index].Value = item
	}
	return rows
}

// JSONString is the row as JSON.
func (item QueryResultItem) JSONString() string {
	return jsonOf(item.Value)
}

// Decode reads the row into a struct, as encoding/json does.
func (item QueryResultItem) Decode(into any) error {
	return headwater.Decode(item.Value, into)
}

var settingPattern = regexp.MustCompile(`(?is)^\s*ALTER\s+SYSTEM\s+SET\s+(\w+)\s*(?:=|TO)\s*(\S+?)\s*;?\s*$`)

// setting says whether a statement is a setting of the vendor's engine, which means nothing here. One that would change
// what statements mean is refused.
func setting(query string) (isNothing bool, err error) {
	parts := settingPattern.FindStringSubmatch(query)
	if parts == nil {
		return false, nil
	}
	value := strings.ToLower(parts[2])
	isOff := value == "false" || value == "0" || value == "off"
	if strings.EqualFold(parts[1], "DQL_STRICT_MODE") && !isOff {
		return false, &DittoError{
			Code: headwater.ErrUnsupported, Message: "strict mode is chosen when a peer is opened: DittoConfig.Strict",
		}
	}
	return true, nil
}
