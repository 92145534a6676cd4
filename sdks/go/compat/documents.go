package compat

import (
	"encoding/json"
	"reflect"

	"headwater"
)

// DocumentID is the id of a document: any JSON but null, a string most of the time.
type DocumentID struct {
	// Value is the id as it stands in a document.
	Value any
}

// NewDocumentID makes the id that has this value.
func NewDocumentID(value any) DocumentID {
	if id, isID := value.(DocumentID); isID {
		return id
	}
	return DocumentID{value}
}

func idsOf(values []any) []DocumentID {
	ids := make([]DocumentID, len(values))
	for index, value := range values {
		ids[index] = DocumentID{value}
	}
	return ids
}

// IsEqualTo says whether another is the same.
func (id DocumentID) IsEqualTo(other DocumentID) bool {
	return id.ToQueryCompatibleString() == other.ToQueryCompatibleString()
}

// String is a string as it is, and everything else as JSON.
func (id DocumentID) String() string {
	if text, isText := id.Value.(string); isText {
		return text
	}
	return id.ToQueryCompatibleString()
}

// ToQueryCompatibleString is the id as a query takes it.
func (id DocumentID) ToQueryCompatibleString() string {
	return jsonOf(id.Value)
}

// MarshalJSON writes the id as a document or an argument takes it.
func (id DocumentID) MarshalJSON() ([]byte, error) {
	return json.Marshal(id.Value)
}

func jsonOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

// Counter is a number to which several peers add. In an upsert or a Set it makes a counter that begins with Value.
type Counter struct {
	Value float64
}

// MarshalJSON writes the counter as a document has it.
func (counter Counter) MarshalJSON() ([]byte, error) {
	return json.Marshal(counter.Value)
}

// Register is a value that is replaced as a whole. In an upsert it says so of an object.
type Register struct {
	Value any
}

// MarshalJSON writes the register as a document has it.
func (register Register) MarshalJSON() ([]byte, error) {
	return json.Marshal(register.Value)
}

// depthMax is how deep fields of their own kinds are looked for; deeper values are refused anyway.
const depthMax = 120

// typesOf says what kinds of fields a value says that it has: counters and registers.
func typesOf(value map[string]any, path string, types headwater.FieldTypes, depth int) headwater.FieldTypes {
	for name, field := range value {
		at := headwater.JoinPath(path, name)
		switch field := field.(type) {
		case Counter:
			types[at] = headwater.CounterField
		case Register:
			types[at] = headwater.RegisterField
		case map[string]any:
			if depth < depthMax {
				typesOf(field, at, types, depth+1)
			}
		}
	}
	return types
}

// Document is a document that was found.
type Document struct {
	// Value has its fields, with its _id.
	Value map[string]any
}

func documentsOf(found []headwater.Document) []Document {
	documents := make([]Document, len(found))
	for index, value := range found {
		documents[index].Value = value
	}
	return documents
}

// ID is its id.
func (document Document) ID() DocumentID {
	return DocumentID{document.Value["_id"]}
}

// At is a place in it.
func (document Document) At(path string) DocumentPath {
	return DocumentPath{document.Value, path}
}

// Decode reads it into a struct, as encoding/json does.
func (document Document) Decode(into any) error {
	return headwater.Decode(document.Value, into)
}

// DocumentPath is a place in a document.
type DocumentPath struct {
	document map[string]any
	path     string
}

// Value is what stands there; nil if nothing does.
func (path DocumentPath) Value() any {
	return headwater.LookUp(path.document, path.path)
}

// Counter is the counter there, if it is a number.
func (path DocumentPath) Counter() *Counter {
	switch number := reflect.ValueOf(path.Value()); number.Kind() {
	case reflect.Int64:
		return &Counter{float64(number.Int())}
	case reflect.Uint64:
		return &Counter{float64(number.Uint())}
	case reflect.Float64:
		return &Counter{number.Float()}
	}
	return nil
}

// Register is the register there, if something is.
func (path DocumentPath) Register() *Register {
	if value := path.Value(); value != nil {
		return &Register{value}
	}
	return nil
}

// At is a field of what stands here, by a string, or an element, by an int.
func (path DocumentPath) At(step any) DocumentPath {
	return DocumentPath{path.document, headwater.JoinPath(path.path, step)}
}

// MutableDocument is a document in a function that changes it. Reading it gives what it was before.
type MutableDocument struct {
	own *headwater.MutableDocument
}

// ID is its id.
func (document *MutableDocument) ID() DocumentID {
	return DocumentID{document.own.ID()}
}

// Value is what it was before.
func (document *MutableDocument) Value() map[string]any {
	return document.own.Value()
}

// At is a place in it.
func (document *MutableDocument) At(path string) *MutableDocumentPath {
	return &MutableDocumentPath{document.own.At(path)}
}

// MutableDocumentPath is a place in a document that may be changed.
type MutableDocumentPath struct {
	own *headwater.MutableField
}

// Value is what stood there before; nil if nothing did.
func (path *MutableDocumentPath) Value() any {
	return path.own.Value()
}

// At is a field of what stands here, by a string, or an element, by an int.
func (path *MutableDocumentPath) At(step any) *MutableDocumentPath {
	return &MutableDocumentPath{path.own.At(step)}
}

// Counter is the counter there: the same place.
func (path *MutableDocumentPath) Counter() *MutableDocumentPath {
	return path
}

// Register is the register there: the same place.
func (path *MutableDocumentPath) Register() *MutableDocumentPath {
	return path
}

// Set replaces what stands there.
func (path *MutableDocumentPath) Set(value any) {
	path.own.Set(value)
	if _, isCounter := value.(Counter); isCounter {
		path.own.Increment(0)
	}
}

// Remove takes away what stands there.
func (path *MutableDocumentPath) Remove() {
	path.own.Unset()
}

// Increment adds to the counter there.
func (path *MutableDocumentPath) Increment(by float64) {
	if whole := int64(by); float64(whole) == by {
		path.own.Increment(whole)
	} else {
		path.own.Increment(by)
	}
}

// ReplaceWithCounter makes a counter of the number there, or one that begins with 0.
func (path *MutableDocumentPath) ReplaceWithCounter() {
	path.own.Increment(0)
}

func mutables(documents []*headwater.MutableDocument) []*MutableDocument {
	all := make([]*MutableDocument, len(documents))
	for index, document := range documents {
		all[index] = &MutableDocument{document}
	}
	return all
}
