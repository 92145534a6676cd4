package headwater

// Paths to places in documents, as text: a.b, a['b-c'], a[0].
//
// Not here: what a path means (docs/reference/query-language.md, "Fields").

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var (
	stepPattern   = regexp.MustCompile(`(?s)\[(\d+)\]|\['((?:\\.|[^'\\])*)'\]|\["((?:\\.|[^"\\])*)"\]|([^.\[\]]+)`)
	escapePattern = regexp.MustCompile(`(?s)\\(.)`)
)

// JoinPath is the path of a field (a string) or an element (an int) of what stands at a path, which is "" for the document.
func JoinPath(path string, step any) string {
	name, isName := step.(string)
	if !isName {
		return fmt.Sprintf("%s[%v]", path, step)
	}
	if name == "" || strings.IndexFunc(name, isSpecial) >= 0 {
		return path + "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "']"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func isSpecial(letter rune) bool {
	return unicode.IsSpace(letter) || unicode.IsControl(letter) || strings.ContainsRune(".[]'\"`", letter)
}

// LookUp is what stands at a path in a value; nil if nothing does. Nothing is said of faults in the path.
func LookUp(value any, path string) any {
	for _, step := range stepPattern.FindAllStringSubmatch(path, -1) {
		index, name := step[1], step[4]
		if index == "" && name == "" {
			name = escapePattern.ReplaceAllString(step[2]+step[3], "$1")
		}
		switch at := value.(type) {
		case Document:
			value = at[name]
		case []any:
			place, err := strconv.Atoi(index)
			if err != nil || place >= len(at) {
				return nil
			}
			value = at[place]
		default:
			return nil
		}
	}
	return value
}
