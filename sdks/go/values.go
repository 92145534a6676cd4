package headwater

// Messages as JSON, and what of Go can be in one.
//
// Invariants: what JSON cannot say as it is (NaN, text that is no UTF-8, a channel, a cycle, an integer of more than 64
// bits) is an invalid_value, never something else in silence; integers of 64 bits are kept, and floats of these types
// stay floats.
// Not here: which documents a peer takes.

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Document is a document, with its _id. In one that is read integers are int64 (uint64 if they are greater), other
// numbers float64, lists []any, objects Document.
type Document = map[string]any

// Arguments are what stands for the parameters of a statement or condition.
type Arguments = map[string]any

// depthMax is how deep a message may be: deeper than any document may.
const depthMax = 120

// encode makes a request a message.
func encode(request Document) ([]byte, error) {
	return appendFields(make([]byte, 0, 256), request, 0)
}

// decode reads an answer or an event.
func decode(message []byte) (Document, error) {
	value, err := decodeAny(message)
	if err != nil {
		return nil, newError(ErrInternal, "the library says what is no JSON: %v", err)
	}
	fields, _ := value.(Document)
	return fields, nil
}

func decodeAny(message []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(message))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, newError(ErrInternal, "something stands behind it")
	}
	return typed(value), nil
}

// typed has the numbers of a decoded value as what they are.
func typed(value any) any {
	switch value := value.(type) {
	case json.Number:
		return number(string(value))
	case []any:
		for index, element := range value {
			value[index] = typed(element)
		}
	case Document:
		for name, field := range value {
			switch field.(type) {
			case json.Number, []any, Document:
				value[name] = typed(field)
			}
		}
	}
	return value
}

func number(text string) any {
	if !strings.ContainsAny(text, ".eE") {
		if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
			return whole
		}
		if whole, err := strconv.ParseUint(text, 10, 64); err == nil {
			return whole
		}
	}
	float, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return json.Number(text)
	}
	return float
}

func invalid(format string, arguments ...any) error {
	return newError(ErrInvalidValue, "cannot take the value: "+format, arguments...)
}

func appendFields(out []byte, fields Document, depth int) ([]byte, error) {
	if depth > depthMax {
		return nil, invalid("it is too deep, or holds itself")
	}
	var err error
	separator := byte('{')
	for name, value := range fields {
		out = append(out, separator)
		separator = ','
		if out, err = appendText(out, name); err != nil {
			return nil, err
		}
		out = append(out, ':')
		if out, err = appendValue(out, value, depth+1); err != nil {
			return nil, err
		}
	}
	if separator == '{' {
		out = append(out, '{')
	}
	return append(out, '}'), nil
}

func appendElements(out []byte, count, depth int, at func(int) any) ([]byte, error) {
	if depth > depthMax {
		return nil, invalid("it is too deep, or holds itself")
	}
	var err error
	out = append(out, '[')
	for index := 0; index < count; index++ {
		if index > 0 {
			out = append(out, ',')
		}
		if out, err = appendValue(out, at(index), depth+1); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func appendValue(out []byte, value any, depth int) ([]byte, error) {
	switch value := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, value), nil
	case string:
		return appendText(out, value)
	case int:
		return strconv.AppendInt(out, int64(value), 10), nil
	case int64:
		return strconv.AppendInt(out, value, 10), nil
	case uint64:
		return strconv.AppendUint(out, value, 10), nil
	case float64:
		return appendFloat(out, value)
	case Document:
		if value == nil {
			return append(out, "null"...), nil
		}
		return appendFields(out, value, depth)
	case []any:
		return appendElements(out, len(value), depth, func(index int) any { return value[index] })
	case []Document:
		return appendElements(out, len(value), depth, func(index int) any { return value[index] })
	case json.Number:
		return appendNumber(out, string(value))
	}
	return appendOther(out, value, depth)
}

// appendOther writes what encoding/json makes of a value: structs with their tags, what marshals itself.
func appendOther(out []byte, value any, depth int) ([]byte, error) {
	if !isSafe(reflect.ValueOf(value), 0) {
		return nil, invalid("text in it is no UTF-8, or it is too deep")
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, invalid("%v", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		return nil, invalid("%v", err)
	}
	return appendValue(out, plain, depth)
}

// isSafe looks for text that encoding/json would mend in silence.
func isSafe(value reflect.Value, depth int) bool {
	if depth > depthMax {
		return false
	}
	switch value.Kind() {
	case reflect.String:
		return utf8.ValidString(value.String())
	case reflect.Interface, reflect.Pointer:
		return value.IsNil() || isSafe(value.Elem(), depth+1)
	case reflect.Struct:
		for index := 0; index < value.NumField(); index++ {
			if !isSafe(value.Field(index), depth+1) {
				return false
			}
		}
	case reflect.Slice, reflect.Array:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			return true
		}
		for index := 0; index < value.Len(); index++ {
			if !isSafe(value.Index(index), depth+1) {
				return false
			}
		}
	case reflect.Map:
		for entries := value.MapRange(); entries.Next(); {
			if !isSafe(entries.Key(), depth+1) || !isSafe(entries.Value(), depth+1) {
				return false
			}
		}
	}
	return true
}

// appendFloat writes a float so that it stays one: 1.0, and not 1.
func appendFloat(out []byte, value float64) ([]byte, error) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return nil, invalid("%v is no number of JSON", value)
	}
	if size := math.Abs(value); size >= 1<<53 || (size < 1e-6 && size > 0) {
		return strconv.AppendFloat(out, value, 'e', -1, 64), nil
	}
	from := len(out)
	out = strconv.AppendFloat(out, value, 'f', -1, 64)
	if bytes.IndexByte(out[from:], '.') < 0 {
		out = append(out, ".0"...)
	}
	return out, nil
}

func appendNumber(out []byte, text string) ([]byte, error) {
	switch value := number(text).(type) {
	case int64:
		return strconv.AppendInt(out, value, 10), nil
	case uint64:
		return strconv.AppendUint(out, value, 10), nil
	case float64:
		if strings.ContainsAny(text, ".eE") {
			if math.IsInf(value, 0) {
				return nil, invalid("%s is too great", text)
			}
			return append(out, text...), nil
		}
		if strconv.FormatFloat(value, 'f', -1, 64) == text {
			return appendFloat(out, value) // of a struct's field that is a float
		}
		return nil, invalid("%s has more than 64 bits", text)
	}
	return nil, invalid("%q is no number", text)
}

const hexDigits = "0123456789abcdef"

func appendText(out []byte, text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, invalid("%q is no UTF-8", text)
	}
	out = append(out, '"')
	from := 0
	for index := 0; index < len(text); index++ {
		letter := text[index]
		if letter >= ' ' && letter != '"' && letter != '\\' {
			continue
		}
		out = append(out, text[from:index]...)
		from = index + 1
		switch letter {
		case '"', '\\':
			out = append(out, '\\', letter)
		case '\n':
			out = append(out, '\\', 'n')
		default:
			out = append(out, '\\', 'u', '0', '0', hexDigits[letter>>4], hexDigits[letter&15])
		}
	}
	return append(append(out, text[from:]...), '"'), nil
}

// Decode reads what was found (a Document, a row) into a struct, as encoding/json does.
func Decode(found any, into any) error {
	text, err := appendValue(nil, found, 0)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return invalid("%v", err)
	}
	return nil
}
