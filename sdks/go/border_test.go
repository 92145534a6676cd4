package headwater

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatJSONCannotSayIsRefused(t *testing.T) {
	people := open(t, Config{}).Store().Collection("people")
	cycle := Document{}
	cycle["again"] = []any{cycle}
	type node struct{ Next *node }
	ring := &node{}
	ring.Next = ring
	for _, strange := range []any{
		math.NaN(), math.Inf(1), "\xff", Document{"\xff": 1}, make(chan int), func() {}, cycle, ring, complex(1, 1),
		struct{ Text string }{"\xff"}, map[string]string{"a": "\xc3"}, struct{ F float64 }{math.NaN()},
		json.Number("18446744073709551616"), json.Number("-9223372036854775809"), json.Number("no"),
	} {
		_, err := people.Upsert(Document{"x": strange})
		hasCode(t, ErrInvalidValue, err)
		_, err = people.FindByID(Document{"x": strange})
		hasCode(t, ErrInvalidValue, err)
	}
	if found := good(people.Find("true").Documents())(t); len(found) != 0 {
		t.Fatal(found)
	}
}

func TestWrongTypesAreRefused(t *testing.T) {
	headwater := open(t, Config{})
	store := headwater.Store()
	people := store.Collection("people")
	check := func(code Code) func(any, error) {
		return func(_ any, err error) {
			t.Helper()
			hasCode(t, code, err)
		}
	}
	for _, value := range []any{1, "text", nil, []any{1}, Document{"_id": nil}, Document(nil)} {
		check(ErrInvalidValue)(people.Upsert(value))
	}
	check(ErrInvalidMessage)(people.Find("true").Limit(-1).Documents())
	check(ErrInvalidQuery)(people.Find("((").Documents())
	check(ErrInvalidQuery)(store.Execute("DELETE", nil))
	check(ErrInvalidQuery)(store.RegisterObserver("SELECT", nil, func([]Document) {}))
	check(ErrInvalidQuery)(store.Observe("SELECT", nil))
	check(ErrNotAllowed)(store.Collection("system:x").Upsert(Document{}))
	check(ErrUnsupported)(headwater.port.call(Document{"call": "fly"}))
	hasCode(t, ErrNoServer, headwater.StartSync())
	good(people.Upsert(Document{"_id": "x"}))(t)
	check(ErrInvalidValue)(people.Update("x", Set("_id", 1)))
	check(ErrInvalidMessage)(people.Update("x", Change{"a", "jump", 1}))
}

func TestADocumentOf8MiBIsTooLargeAndOneOf5IsNot(t *testing.T) {
	people := open(t, Config{}).Store().Collection("people")
	_, err := people.Upsert(Document{"x": strings.Repeat("x", 8<<20)})
	hasCode(t, ErrTooLarge, err)
	good(people.Upsert(Document{"_id": 1, "x": strings.Repeat("x", 5<<20)}))(t)
	if found := good(people.FindByID(1))(t); len(found["x"].(string)) != 5<<20 {
		t.Fatal("it is another")
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "one")
	first := open(t, Config{Dir: dir})
	_, err := Open(Config{Dir: dir})
	hasCode(t, ErrInUse, err)
	other := run(t, "open", t.TempDir(), "HEADWATER_TEST_DIR="+dir)
	if !strings.Contains(other.printed, "(in_use)") {
		t.Fatal(other)
	}
	_ = first.Close()
	open(t, Config{Dir: dir})
	_, err = Open(Config{Dir: "/dev/null/x"})
	hasCode(t, ErrOpenFailed, err)
	_, err = Open(Config{Dir: t.TempDir(), Server: "no url"})
	hasCode(t, ErrInvalidServer, err)
	_, err = Open(Config{Dir: "\xff"})
	hasCode(t, ErrInvalidValue, err)
}

const fake = `
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define GIVE(text) (*answer = (uint8_t *)strdup(text), *length = strlen(text))
int32_t headwater_open(const uint8_t *c, size_t n, uint64_t *peer, uint8_t **answer, size_t *length) {
  *answer = 0; *length = 0; *peer = IS_NEWER ? 0 : 7;
  return IS_NEWER ? (GIVE("{\"error\":{\"code\":\"from_the_future\",\"message\":\"list 2\"}}"), 99) : 0;
}
int32_t headwater_call(uint64_t p, const uint8_t *r, size_t n, uint8_t **answer, size_t *length) {
  return GIVE("{\"abi\":0,\"version\":\"0.0.1\"}"), 0;
}
int32_t headwater_call_async() { return 1; }
int32_t headwater_subscribe() { return 1; }
int32_t headwater_unsubscribe() { return 0; }
int32_t headwater_free(uint8_t *data, size_t length) { free(data); return 0; }
#ifndef HAS_NO_CLOSE
int32_t headwater_close() { return 0; }
#endif
`

func TestOtherLibraries(t *testing.T) {
	if isStatic {
		t.Skip("the library is linked with the program")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "fake.c")
	if err := os.WriteFile(source, []byte(fake), 0o644); err != nil {
		t.Fatal(err)
	}
	said := func(flags ...string) string {
		library := filepath.Join(dir, "libfake.so")
		compiler := exec.Command("gcc", append(flags, "-w", "-shared", "-fPIC", source, "-o", library)...)
		if output, err := compiler.CombinedOutput(); err != nil {
			t.Fatal(string(output))
		}
		return run(t, "open", dir, "HEADWATER_TEST_DIR=peer", "HEADWATER_LIBRARY="+library).printed
	}
	for _, it := range []struct{ said, expected string }{
		{said("-DIS_NEWER=0"), "libfake.so has list 0 of calls, not 1 (unsupported)"},
		{said("-DIS_NEWER=1"), "list 2 (from_the_future)"},
		{said("-DIS_NEWER=0", "-DHAS_NO_CLOSE"), "libfake.so: it has no headwater_close (unsupported)"},
		{
			run(t, "open", dir, "HEADWATER_LIBRARY=/nowhere/libheadwater.so").printed,
			"/nowhere/libheadwater.so: cannot open shared object file",
		},
	} {
		if !strings.Contains(it.said, it.expected) {
			t.Errorf("%q, not %q", it.said, it.expected)
		}
	}
}
