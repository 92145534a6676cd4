package headwater

// The documents of a peer: statements, observers, transactions, and the way to collections.

// Store has the documents of a peer.
type Store struct {
	port *port
}

// Collection is a collection; it is there once it has a document.
func (store *Store) Collection(name string) *Collection {
	return &Collection{store.port, name}
}

// Execute runs a statement of DQL: SELECT, INSERT, UPDATE, DELETE or EVICT. What :name stands for is in args, or nil.
func (store *Store) Execute(statement string, args Arguments) (*Executed, error) {
	return store.port.execute(Document{"call": "execute", "statement": statement, "args": args})
}

// Transaction runs write: everything that it does with what it is given is one transaction, here and at the server: all of
// it or, if it gives an error or panics, nothing. While it runs nothing else is written or synced, so it should be short;
// it may not wait for other writes.
func (store *Store) Transaction(write func(*Transaction) error) (*Written, error) {
	return inTransaction(store.port, write)
}

// RegisterObserver calls callback with what a SELECT gives now, and again whenever that may be something else. A result
// that cannot be had goes to Config.OnError.
func (store *Store) RegisterObserver(
	statement string, args Arguments, callback func(items []Document),
) (*Observer, error) {
	request := Document{"watch": "select", "statement": statement, "args": args}
	return store.port.observe(request, func(event Document) { callback(documents(event["items"])) })
}

// Observe is the same for loops.
func (store *Store) Observe(statement string, args Arguments) (*Stream[[]Document], error) {
	request := Document{"watch": "select", "statement": statement, "args": args}
	return streamOf(store.port, request, func(event Document) []Document { return documents(event["items"]) })
}
