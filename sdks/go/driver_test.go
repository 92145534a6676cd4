package headwater

// The driver of the conformance vectors (sdks/conformance): the test binary with the word vectors. With
// HEADWATER_VECTORS_SERVER, where `cargo run -p conformance -- serve` listens, those of sync and merge too.
//
// Invariants: what is not run is counted as not run; a case that fails lets the others go on.

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	eventWait    = 20 * time.Second
	untilPause   = 5 * time.Millisecond
	filesAtOnce  = 6
	vectorFolder = "../conformance/vectors"
)

type vectors struct {
	server string
	folder string
	peers  atomic.Int64
}

type group struct {
	passed int
	failed []string
	notRun map[string]int
}

// runVectors prints what came of all vectors: whether none failed.
func runVectors() bool {
	folder, err := os.MkdirTemp("", "headwater-conformance-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	driver := &vectors{server: os.Getenv("HEADWATER_VECTORS_SERVER"), folder: folder}
	paths, _ := filepath.Glob(vectorFolder + "/*/*.json")
	results := make([]group, len(paths))
	places := make(chan int)
	var running sync.WaitGroup
	for worker := 0; worker < filesAtOnce; worker++ {
		running.Add(1)
		go func() {
			defer running.Done()
			for place := range places {
				driver.runFile(paths[place], &results[place])
			}
		}()
	}
	for place := range paths {
		places <- place
	}
	close(places)
	running.Wait()
	return report(paths, results)
}

func report(paths []string, results []group) bool {
	passed, failed := 0, 0
	for from := 0; from < len(paths); {
		name := filepath.Base(filepath.Dir(paths[from]))
		all := group{notRun: map[string]int{}}
		for ; from < len(paths) && filepath.Base(filepath.Dir(paths[from])) == name; from++ {
			all.passed += results[from].passed
			all.failed = append(all.failed, results[from].failed...)
			for what, count := range results[from].notRun {
				all.notRun[what] += count
			}
		}
		for _, failure := range all.failed {
			fmt.Printf("FAILED %s/%s\n", name, failure)
		}
		fmt.Printf("%s: %d passed, %d failed\n", name, all.passed, len(all.failed))
		for _, what := range sortedNames(all.notRun) {
			fmt.Printf("%s: %d of %s not run\n", name, all.notRun[what], what)
		}
		passed, failed = passed+all.passed, failed+len(all.failed)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	return failed == 0 && passed > 0
}

func sortedNames(counts map[string]int) []string {
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (driver *vectors) runFile(path string, group *group) {
	body := readJSON(path)
	cases := list(body["cases"])
	kind := text(body["kind"])
	stem := strings.TrimSuffix(filepath.Base(path), ".json")
	run := driver.kindOf(kind)
	if run == nil {
		group.notRun = map[string]int{kind: len(cases)}
		return
	}
	var shared *port
	if kind == "messages" || kind == "queries" {
		shared = driver.openedFor(body)
		defer shared.close()
	}
	for place, it := range documents(cases) {
		if err := run(it, shared, fmt.Sprintf("%s-%d", stem, place)); err != nil {
			group.failed = append(group.failed, fmt.Sprintf("%s: %s: %v", stem, it["name"], err))
		} else {
			group.passed++
		}
	}
}

func (driver *vectors) kindOf(kind string) func(it Document, shared *port, place string) error {
	switch kind {
	case "messages":
		return driver.message
	case "queries":
		return func(it Document, shared *port, _ string) error {
			return names{}.check(it["gives"], answerTo(shared, it["call"]))
		}
	case "script":
		return func(it Document, _ *port, _ string) error { return driver.script(it) }
	case "transcripts":
		if driver.server != "" {
			return driver.transcript
		}
	case "merge":
		if driver.server != "" {
			return driver.merge
		}
	}
	return nil
}

func (driver *vectors) message(it Document, shared *port, _ string) error {
	for name, read := range map[string]func(string) []byte{"json": func(text string) []byte { return []byte(text) }, "cbor": fromHex} {
		request, has := it[name].(string)
		if !has {
			continue
		}
		answer := shared.callBytes(read(request))
		if code := text(it["refused"]); code != "" {
			if !bytes.Contains(answer, []byte("error")) || !bytes.Contains(answer, []byte(code)) {
				return fmt.Errorf("%q, not %s", answer, code)
			}
		} else if expected := read(text(it["gives_"+name])); !bytes.Equal(answer, expected) {
			return fmt.Errorf("%q, not %q", answer, expected)
		}
	}
	return nil
}

func fromHex(text string) []byte {
	decoded, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return decoded
}

func (driver *vectors) transcript(it Document, _ *port, place string) error {
	return driver.withServer(it, place+nonce())
}

// merge: a merge's deltas come over the wire, in each order.
func (driver *vectors) merge(it Document, _ *port, place string) error {
	var document any
	if it["json"] != nil {
		value, err := decodeAny([]byte(text(it["json"])))
		if err != nil {
			return err
		}
		document = value
		document.(Document)["_id"] = "x"
	}
	end := Document{"call": "find_by_id", "collection": "c", "id": "end"}
	steps := []any{
		Document{"call": Document{"call": "register_subscription", "collection": "c"}, "gives": Document{"subscription": int64(1)}},
		Document{"call": Document{"call": "start_sync"}, "gives": Document{}},
		Document{"until": end, "gives": Document{"document": Document{"_id": "end"}}},
		Document{"call": Document{"call": "find_by_id", "collection": "c", "id": "x"}, "gives": Document{"document": document}},
	}
	for order := range list(it["orders"]) {
		app := fmt.Sprintf("merge-%s-%d%s", place, order, nonce())
		if err := driver.withServer(Document{"steps": steps}, app); err != nil {
			return err
		}
	}
	return nil
}

var nonces atomic.Int64

// nonce is what no other app has in its name; it has no other hyphen.
func nonce() string {
	return fmt.Sprintf("-%dx%dx%d", os.Getpid(), time.Now().UnixNano(), nonces.Add(1))
}

// withServer: a script with the server of transcripts, which says whether the peer said what it should.
func (driver *vectors) withServer(it Document, app string) error {
	config := Document{"server": driver.server, "app": app}
	if more, has := it["config"].(Document); has {
		for name, value := range more {
			config[name] = value
		}
	}
	fault := driver.script(Document{"config": config, "steps": it["steps"]})
	verdict := get(driver.server, "/"+app+"/verdict")
	if fault != nil || verdict != "passed" {
		return fmt.Errorf("the server: %s; %v", verdict, fault)
	}
	return nil
}

// get asks for a page by HTTP. (net/http takes longer to compile than all of this package.)
func get(server, path string) string {
	host := strings.TrimPrefix(server, "http://")
	connection, err := net.DialTimeout("tcp", host, eventWait)
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(eventWait))
	fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host)
	var page bytes.Buffer
	_, _ = page.ReadFrom(bufio.NewReader(connection))
	_, body, _ := strings.Cut(page.String(), "\r\n\r\n")
	return strings.TrimSpace(body)
}

func readJSON(path string) Document {
	bytes, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	value, err := decodeAny(bytes)
	if err != nil {
		panic(err)
	}
	return value.(Document)
}

// plain is any JSON as a message.
func plain(value any) []byte {
	message, err := appendValue(nil, value, 0)
	if err != nil {
		panic(err)
	}
	return message
}

func answerTo(port *port, request any) any {
	answer, err := decodeAny(port.callBytes(plain(request)))
	if err != nil {
		return err.Error()
	}
	return answer
}

func answerOf(err error) any {
	if fault, isError := err.(*Error); isError {
		return Document{"error": Document{"code": string(fault.Code), "message": fault.Message}}
	}
	return Document{}
}

func (driver *vectors) newDir() string {
	return filepath.Join(driver.folder, fmt.Sprint(driver.peers.Add(1)))
}

// openRaw opens a peer with a configuration as it stands in a vector.
func openRaw(dir string, config any) (*port, error) {
	if err := load(); err != nil {
		return nil, err
	}
	message := Document{"abi": abi, "dir": dir}
	if more, has := config.(Document); has {
		for name, value := range more {
			message[name] = value
		}
	}
	number, answer := nativeOpen(plain(message))
	if number == 0 {
		_, err := given(answer)
		return nil, err
	}
	return &port{core: newCore(number, Config{})}, nil
}

func (driver *vectors) openedFor(body Document) *port {
	port, err := openRaw(driver.newDir(), body["config"])
	if err != nil {
		panic(err)
	}
	given, _ := body["documents"].(Document)
	for collection, values := range given {
		for _, value := range list(values) {
			answerTo(port, Document{"call": "upsert", "collection": collection, "value": value})
		}
	}
	return port
}

// script is one that is under way.
type script struct {
	driver  *vectors
	dir     string
	port    *port
	names   names
	watches map[string]*watched
}

func (driver *vectors) script(it Document) (err error) {
	script := &script{driver: driver, dir: driver.newDir(), names: names{}, watches: map[string]*watched{}}
	if script.port, err = openRaw(script.dir, it["config"]); err != nil {
		return err
	}
	defer func() { script.port.close() }()
	for number, step := range documents(it["steps"]) {
		if err := script.step(step); err != nil {
			return fmt.Errorf("step %d, %s: %w", number+1, plain(step), err)
		}
	}
	for _, watched := range script.watches {
		if err := watched.end(); err != nil {
			return err
		}
	}
	return nil
}

func (script *script) step(step Document) error {
	switch {
	case step["call"] != nil:
		return script.names.check(step["gives"], answerTo(script.port, script.names.fill(step["call"])))
	case step["until"] != nil:
		return script.until(step)
	case step["watch"] != nil:
		return script.watch(step)
	case step["of"] != nil:
		return script.next(script.watches[text(step["of"])], step["event"])
	case step["unwatch"] != nil:
		watched := script.watches[text(step["unwatch"])]
		delete(script.watches, text(step["unwatch"]))
		return watched.end()
	case step["close"] != nil:
		script.port.close()
		return nil
	case step["open"] != nil:
		port, err := openRaw(script.dir, step["open"])
		if err == nil {
			script.port = port
		}
		return script.names.check(step["gives"], answerOf(err))
	}
	return fmt.Errorf("it is no step")
}

func (script *script) until(step Document) error {
	for ends := time.Now().Add(eventWait); ; time.Sleep(untilPause) {
		names := script.names.copy()
		err := names.check(step["gives"], answerTo(script.port, script.names.fill(step["until"])))
		if err == nil {
			script.names = names
			return nil
		}
		if time.Now().After(ends) {
			return err
		}
	}
}

func (script *script) watch(step Document) error {
	watched := &watched{events: make(chan any, 1024), port: script.port}
	number, answer := nativeSubscribe(script.port.core.number, plain(script.names.fill(step["watch"])), watched)
	watched.number = number
	var err error
	if number == 0 {
		_, err = given(answer)
	}
	if step["gives"] != nil {
		if err != nil {
			return script.names.check(step["gives"], answerOf(err))
		}
		defer nativeUnsubscribe(script.port.core.number, number)
		return script.next(watched, step["gives"])
	}
	if err != nil {
		return err
	}
	script.watches[text(step["as"])] = watched
	if step["event"] != nil {
		return script.next(watched, step["event"])
	}
	return nil
}

func (script *script) next(watched *watched, expected any) error {
	event, err := watched.next()
	if err != nil {
		return err
	}
	return script.names.check(expected, event)
}

// watched is what a watch told.
type watched struct {
	port   *port
	number uint64
	events chan any
	last   any
}

func (watched *watched) tell(message []byte) {
	event, _ := decodeAny(message)
	watched.events <- event
}

func (watched *watched) drop() {}

// next is the next event that is another than the one before.
func (watched *watched) next() (any, error) {
	for {
		select {
		case event := <-watched.events:
			isNew := !reflect.DeepEqual(event, watched.last)
			watched.last = event
			if isNew {
				return event, nil
			}
		case <-time.After(eventWait):
			return nil, fmt.Errorf("no event came")
		}
	}
}

func (watched *watched) end() error {
	nativeUnsubscribe(watched.port.core.number, watched.number)
	for len(watched.events) > 0 {
		event := <-watched.events
		fault, _ := event.(Document)["error"].(Document)
		if !reflect.DeepEqual(event, watched.last) && fault["code"] != "closed" {
			return fmt.Errorf("%s came, which nobody expects", plain(event))
		}
	}
	return nil
}

// names are what names such as $id stand for.
type names map[string]any

var namePattern = regexp.MustCompile(`^\$[a-z_]+$`)

func (names names) copy() names {
	copied := make(map[string]any, len(names))
	for name, value := range names {
		copied[name] = value
	}
	return copied
}

func (names names) fill(it any) any {
	switch it := it.(type) {
	case string:
		if namePattern.MatchString(it) {
			return names[it]
		}
	case []any:
		filled := make([]any, len(it))
		for index, element := range it {
			filled[index] = names.fill(element)
		}
		return filled
	case Document:
		filled := make(Document, len(it))
		for name, value := range it {
			filled[name] = names.fill(value)
		}
		return filled
	}
	return it
}

func (names names) check(expected, actual any) error {
	switch it := expected.(type) {
	case string:
		if it == "$any" {
			return nil
		}
		if namePattern.MatchString(it) {
			known, isKnown := names[it]
			if !isKnown {
				names[it] = actual
				return nil
			}
			return names.check(known, actual)
		}
	case []any:
		elements, isList := actual.([]any)
		if isList && len(elements) == len(it) {
			for index, element := range it {
				if err := names.check(element, elements[index]); err != nil {
					return err
				}
			}
			return nil
		}
	case Document:
		if fields, isObject := actual.(Document); isObject {
			return names.checkFields(it, fields)
		}
	}
	if !reflect.DeepEqual(expected, actual) {
		return fmt.Errorf("%s, not %s", plain(actual), plain(expected))
	}
	return nil
}

func (names names) checkFields(expected, actual Document) error {
	for name, value := range expected {
		if value == "$optional" {
			continue
		}
		field, has := actual[name]
		if !has {
			return fmt.Errorf("%s has no %q", plain(actual), name)
		}
		if name == "error" {
			fault, _ := field.(Document)
			wanted, _ := value.(Document)
			if fault["code"] != wanted["code"] || text(fault["message"]) == "" {
				return fmt.Errorf("the error %s, not %v", plain(field), wanted["code"])
			}
		} else if err := names.check(value, field); err != nil {
			return err
		}
	}
	for name := range actual {
		if _, isExpected := expected[name]; !isExpected {
			return fmt.Errorf("%s has %q, which nobody expects", plain(actual), name)
		}
	}
	return nil
}
