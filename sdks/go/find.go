package headwater

// Documents that match a condition of the legacy query language.
//
// Invariants: a Find never changes; Args, Sort, Limit and Offset give another.

// Find is documents that match. Nothing is looked for until one of the last calls.
type Find struct {
	port       *port
	collection string
	request    Document
	// transaction is the number of that in which it finds, or nil.
	transaction any
}

// Args says what $args.name stands for.
func (find *Find) Args(args Arguments) *Find {
	return find.with("args", args)
}

// Sort sorts by what stands at a path, after earlier ones; the smallest first.
func (find *Find) Sort(path string) *Find {
	return find.sorted(Document{"path": path})
}

// SortDescending is the same, the greatest first.
func (find *Find) SortDescending(path string) *Find {
	return find.sorted(Document{"path": path, "descending": true})
}

// Offset leaves the first ones out.
func (find *Find) Offset(offset int) *Find {
	return find.with("offset", offset)
}

// Limit is at most so many.
func (find *Find) Limit(limit int) *Find {
	return find.with("limit", limit)
}

// Documents are the documents, each with its _id.
func (find *Find) Documents() ([]Document, error) {
	request := find.all("call", "find")
	request["transaction"] = find.transaction
	answer, err := find.port.call(request)
	if err != nil {
		return nil, err
	}
	return documents(answer["documents"]), nil
}

// Update changes all that match, in one transaction; order, offset and limit do not count.
func (find *Find) Update(changes ...Change) (*Written, error) {
	request := find.matching("update")
	request["changes"] = changeMessages(changes)
	return find.port.write(request)
}

// UpdateWith has change change the documents, in one transaction; order, offset and limit count. It may not wait for other
// writes.
func (find *Find) UpdateWith(change func([]*MutableDocument)) (*Written, error) {
	if find.transaction != nil {
		return find.updateIn(find.transaction, change)
	}
	return inTransaction(find.port, func(transaction *Transaction) error {
		_, err := find.updateIn(transaction.number, change)
		return err
	})
}

func (find *Find) updateIn(transaction any, change func([]*MutableDocument)) (*Written, error) {
	within := *find
	within.transaction = transaction
	found, err := within.Documents()
	if err != nil {
		return nil, err
	}
	all := make([]*MutableDocument, len(found))
	for index, document := range found {
		all[index] = &MutableDocument{value: document}
	}
	change(all)
	written := &Written{port: find.port}
	for _, document := range all {
		if len(document.changes) == 0 {
			continue
		}
		request := Document{"call": "update", "collection": find.collection, "id": document.ID()}
		request["changes"], request["transaction"] = changeMessages(document.changes), transaction
		if _, err := find.port.call(request); err != nil {
			return nil, err
		}
		written.ids = append(written.ids, document.ID())
	}
	return written, nil
}

// Remove removes all that match, in one transaction; order, offset and limit do not count.
func (find *Find) Remove() (*Written, error) {
	return find.port.write(find.matching("remove"))
}

// Evict takes all that match out of this store alone: the ids of those that were there; order, offset and limit do not
// count.
func (find *Find) Evict() ([]any, error) {
	if err := find.checkAlone(); err != nil {
		return nil, err
	}
	request := find.matching("evict")
	delete(request, "transaction")
	answer, err := find.port.call(request)
	return list(answer["ids"]), err
}

// Observe calls callback with the documents now, and again whenever they may be others.
func (find *Find) Observe(callback func([]Document)) (*Observer, error) {
	if err := find.checkAlone(); err != nil {
		return nil, err
	}
	return find.port.observe(find.all("watch", "find"), func(event Document) { callback(documents(event["documents"])) })
}

// Stream is the same for loops.
func (find *Find) Stream() (*Stream[[]Document], error) {
	if err := find.checkAlone(); err != nil {
		return nil, err
	}
	read := func(event Document) []Document { return documents(event["documents"]) }
	return streamOf(find.port, find.all("watch", "find"), read)
}

// ObserveLocal calls callback with the documents now, and again with what is different whenever they change.
func (find *Find) ObserveLocal(callback func([]Document, LocalEvent)) (*Observer, error) {
	var before []Document
	isInitial := true
	return find.Observe(func(documents []Document) {
		event := LocalEvent{IsInitial: true}
		if !isInitial {
			event = Difference(before, documents)
		}
		before, isInitial = documents, false
		callback(documents, event)
	})
}

// Subscribe subscribes to all that match; order, offset and limit do not count.
func (find *Find) Subscribe() (*Subscription, error) {
	if err := find.checkAlone(); err != nil {
		return nil, err
	}
	request := find.matching("register_subscription")
	delete(request, "transaction")
	return find.port.registerSubscription(request)
}

func (find *Find) checkAlone() error {
	if find.transaction != nil {
		return newError(ErrInTransaction, "in a transaction documents are read, changed and removed, and no more")
	}
	return nil
}

func (find *Find) sorted(by Document) *Find {
	return find.with("sort", append(append([]any(nil), list(find.request["sort"])...), by))
}

func (find *Find) with(name string, value any) *Find {
	other := *find
	other.request = make(Document, len(find.request)+1)
	for name, value := range find.request {
		other.request[name] = value
	}
	other.request[name] = value
	return &other
}

func (find *Find) all(kind, what string) Document {
	request := find.with(kind, what).request
	request["collection"] = find.collection
	return request
}

func (find *Find) matching(call string) Document {
	return Document{
		"call": call, "collection": find.collection, "query": find.request["query"], "args": find.request["args"],
		"transaction": find.transaction,
	}
}
