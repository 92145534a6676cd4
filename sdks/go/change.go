package headwater

// Changes of fields.
//
// Not here: what becomes of changes of several peers (docs/guides/small-peers.md).

// Change is a change of a field: Set, Increment or Unset.
type Change struct {
	// Path is where, as in address.city or tags[0].
	Path string
	// Kind is "set", "increment" or "unset".
	Kind string
	// Value is what is set, or by how much it is incremented.
	Value any
}

// Set replaces what stands at a path.
func Set(path string, value any) Change {
	return Change{path, "set", value}
}

// Increment adds to the counter at a path: increments of several peers all count.
func Increment(path string, by any) Change {
	return Change{path, "increment", by}
}

// Unset takes away what stands at a path.
func Unset(path string) Change {
	return Change{path, "unset", true}
}

func changeMessages(changes []Change) []any {
	messages := make([]any, len(changes))
	for index, change := range changes {
		messages[index] = Document{"path": change.Path, change.Kind: change.Value}
	}
	return messages
}

// MutableDocument is a document in a function that changes it. Reading it gives what it was before.
type MutableDocument struct {
	value   Document
	changes []Change
}

// ID is its id.
func (document *MutableDocument) ID() any {
	return document.value["_id"]
}

// Value is what it was before.
func (document *MutableDocument) Value() Document {
	return document.value
}

// Changes are those that were made.
func (document *MutableDocument) Changes() []Change {
	return append([]Change(nil), document.changes...)
}

// At is the field at a path, as in address.city or tags[0].
func (document *MutableDocument) At(path string) *MutableField {
	return &MutableField{document, path}
}

// MutableField is a place in a MutableDocument.
type MutableField struct {
	document *MutableDocument
	path     string
}

// Value is what stood there before; nil if nothing did.
func (field *MutableField) Value() any {
	return LookUp(field.document.value, field.path)
}

// At is a field of what stands here, by a string, or an element, by an int.
func (field *MutableField) At(step any) *MutableField {
	return &MutableField{field.document, JoinPath(field.path, step)}
}

// Set replaces what stands here.
func (field *MutableField) Set(value any) {
	field.document.changes = append(field.document.changes, Set(field.path, value))
}

// Increment adds to the counter that stands here.
func (field *MutableField) Increment(by any) {
	field.document.changes = append(field.document.changes, Increment(field.path, by))
}

// Unset takes away what stands here.
func (field *MutableField) Unset() {
	field.document.changes = append(field.document.changes, Unset(field.path))
}
