package headwater

// A collection, and a document that is named by its id.

// FieldType is how writes of several peers to one field come together.
type FieldType string

// The types of fields.
const (
	CounterField  FieldType = "counter"
	RegisterField FieldType = "register"
	MapField      FieldType = "map"
)

// FieldTypes says by paths what kind of field stands there.
type FieldTypes map[string]FieldType

func (types FieldTypes) message() any {
	if len(types) == 0 {
		return nil
	}
	message := make(Document, len(types))
	for path, kind := range types {
		message[path] = string(kind)
	}
	return message
}

// Collection is a collection. It is there once it has a document.
type Collection struct {
	port *port
	name string
}

// Name is its name.
func (collection *Collection) Name() string {
	return collection.name
}

// Upsert merges an object, a Document or a struct, into the document that its _id names, or makes a new one.
func (collection *Collection) Upsert(value any) (*Written, error) {
	return collection.UpsertTyped(value, nil)
}

// UpsertTyped is the same, and says what kind of field stands at some paths.
func (collection *Collection) UpsertTyped(value any, types FieldTypes) (*Written, error) {
	request := Document{"call": "upsert", "collection": collection.name, "value": value}
	if len(types) > 0 {
		request["types"] = types.message()
	}
	answer, err := collection.port.call(request)
	if err != nil {
		return nil, err
	}
	return &Written{collection.port, []any{answer["id"]}, natural(answer["sequence"])}, nil
}

// FindByID is the document with its _id, or nil.
func (collection *Collection) FindByID(id any) (Document, error) {
	answer, err := collection.port.call(collection.one("find_by_id", id))
	document, _ := answer["document"].(Document)
	return document, err
}

// ByID is the document with this id, to be read, changed or observed.
func (collection *Collection) ByID(id any) *ByID {
	return &ByID{collection, id}
}

// Find is the documents that match a condition of the legacy query language; "true" is all. Nothing is looked for until one
// of its calls.
func (collection *Collection) Find(query string) *Find {
	return &Find{port: collection.port, collection: collection.name, request: Document{"query": query}}
}

// Update changes a document, if it is there.
func (collection *Collection) Update(id any, changes ...Change) (*Written, error) {
	request := collection.one("update", id)
	request["changes"] = changeMessages(changes)
	return collection.port.write(request)
}

// Remove removes a document, if it is there, here and at the server.
func (collection *Collection) Remove(id any) (*Written, error) {
	return collection.port.write(collection.one("remove", id))
}

// Evict takes a document out of this store alone: whether it was there.
func (collection *Collection) Evict(id any) (bool, error) {
	answer, err := collection.port.call(collection.one("evict", id))
	return len(list(answer["ids"])) > 0, err
}

func (collection *Collection) one(call string, id any) Document {
	return Document{"call": call, "collection": collection.name, "id": id}
}

// ByID is a document that is named by its id. Nothing is looked for until one of its calls.
type ByID struct {
	collection *Collection
	id         any
}

// Get is the document with its _id, or nil.
func (byID *ByID) Get() (Document, error) {
	return byID.collection.FindByID(byID.id)
}

// Update has change look at the document and change it, in one transaction; it is not called if there is none, and may not
// wait for other writes.
func (byID *ByID) Update(change func(*MutableDocument)) (*Written, error) {
	return inTransaction(byID.collection.port, func(transaction *Transaction) error {
		_, err := transaction.Collection(byID.collection.name).UpdateWith(byID.id, change)
		return err
	})
}

// Remove is as Collection.Remove.
func (byID *ByID) Remove() (*Written, error) {
	return byID.collection.Remove(byID.id)
}

// Evict is as Collection.Evict.
func (byID *ByID) Evict() (bool, error) {
	return byID.collection.Evict(byID.id)
}

// Subscribe subscribes to the document.
func (byID *ByID) Subscribe() (*Subscription, error) {
	return byID.Find().Subscribe()
}

// Find is the same document as what a query finds, to be observed, say.
func (byID *ByID) Find() *Find {
	return byID.collection.Find("_id == $args.id").Args(Arguments{"id": byID.id})
}
