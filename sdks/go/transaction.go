package headwater

// Writes that are committed together, or not at all.
//
// Invariants: nothing of other writers comes between the calls of a transaction; if its function fails or panics, nothing
// of it was done.

// Transaction is a transaction in the making. Its reads see what it has written.
type Transaction struct {
	port   *port
	number any
}

// Collection is a collection in it.
func (transaction *Transaction) Collection(name string) *TransactionCollection {
	return &TransactionCollection{transaction, name}
}

// Execute runs a statement of DQL.
func (transaction *Transaction) Execute(statement string, args Arguments) (*Executed, error) {
	request := Document{"call": "execute", "statement": statement, "args": args, "transaction": transaction.number}
	return transaction.port.execute(request)
}

// TransactionCollection is a collection in a transaction.
type TransactionCollection struct {
	transaction *Transaction
	name        string
}

// Upsert is as Collection.Upsert: the document's id.
func (collection *TransactionCollection) Upsert(value any) (any, error) {
	return collection.UpsertTyped(value, nil)
}

// UpsertTyped is as Collection.UpsertTyped: the document's id.
func (collection *TransactionCollection) UpsertTyped(value any, types FieldTypes) (any, error) {
	answer, err := collection.call("upsert", Document{"value": value, "types": types.message()})
	return answer["id"], err
}

// FindByID is as Collection.FindByID.
func (collection *TransactionCollection) FindByID(id any) (Document, error) {
	answer, err := collection.call("find_by_id", Document{"id": id})
	document, _ := answer["document"].(Document)
	return document, err
}

// Find is as Collection.Find; what it finds can be read, changed and removed in the transaction, and no more.
func (collection *TransactionCollection) Find(query string) *Find {
	port, number := collection.transaction.port, collection.transaction.number
	return &Find{port: port, collection: collection.name, request: Document{"query": query}, transaction: number}
}

// Update is as Collection.Update: whether the document is there.
func (collection *TransactionCollection) Update(id any, changes ...Change) (bool, error) {
	answer, err := collection.call("update", Document{"id": id, "changes": changeMessages(changes)})
	return len(list(answer["ids"])) > 0, err
}

// UpdateWith is as ByID.Update: whether the document is there.
func (collection *TransactionCollection) UpdateWith(id any, change func(*MutableDocument)) (bool, error) {
	found, err := collection.FindByID(id)
	if err != nil || found == nil {
		return false, err
	}
	document := &MutableDocument{value: found}
	change(document)
	if len(document.changes) == 0 {
		return true, nil
	}
	return collection.Update(id, document.changes...)
}

// Remove is as Collection.Remove: whether the document was there.
func (collection *TransactionCollection) Remove(id any) (bool, error) {
	answer, err := collection.call("remove", Document{"id": id})
	return len(list(answer["ids"])) > 0, err
}

func (collection *TransactionCollection) call(call string, request Document) (Document, error) {
	request["call"], request["collection"] = call, collection.name
	request["transaction"] = collection.transaction.number
	return collection.transaction.port.call(request)
}

func inTransaction(port *port, write func(*Transaction) error) (*Written, error) {
	answer, err := port.call(Document{"call": "begin"})
	if err != nil {
		return nil, err
	}
	transaction := &Transaction{port, answer["transaction"]}
	isGood := false
	defer func() {
		if !isGood { // it may have ended by itself: the peer was closed, or nothing came of it for too long
			_, _ = port.call(Document{"call": "rollback", "transaction": transaction.number})
		}
	}()
	if err := write(transaction); err != nil {
		return nil, err
	}
	isGood = true
	return port.write(Document{"call": "commit", "transaction": transaction.number})
}
