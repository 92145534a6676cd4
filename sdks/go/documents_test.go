package headwater

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestADocumentIsWrittenFoundChangedAndRemoved(t *testing.T) {
	people := open(t, Config{}).Store().Collection("people")
	written := good(people.Upsert(Document{"_id": "susan", "name": "Susan", "age": 31}))(t)
	if written.ID() != "susan" || written.Sequence() != 1 || len(written.IDs()) != 1 {
		t.Fatal(written)
	}
	good(people.Update("susan", Set("age", 32), Unset("name")))(t)
	good(people.ByID("susan").Update(func(susan *MutableDocument) {
		susan.At("address").At("town").Set(susan.At("age").Value())
	}))(t)
	found := good(people.ByID("susan").Get())(t)
	if !reflect.DeepEqual(found, Document{"_id": "susan", "age": int64(32), "address": Document{"town": int64(32)}}) {
		t.Fatal(found)
	}
	if ids := good(people.Remove("susan"))(t).IDs(); !reflect.DeepEqual(ids, []any{"susan"}) {
		t.Fatal(ids)
	}
	if found := good(people.FindByID("susan"))(t); found != nil {
		t.Fatal(found)
	}
	nothing := good(people.ByID("susan").Update(func(*MutableDocument) { t.Error("there is none") }))(t)
	if txn, err := nothing.Committed(context.Background()); txn != 0 || err != nil {
		t.Fatal(txn, err)
	}
}

func TestNumbersAndStructs(t *testing.T) {
	numbers := open(t, Config{}).Store().Collection("numbers")
	value := Document{
		"_id": int64(7), "least": int64(math.MinInt64), "most": uint64(math.MaxUint64), "great": 1e20, "whole": 2.0,
		"small": 1e-9, "yes": true, "none": nil, "text": "a\"\\\n\x01ü\U0001F600",
	}
	good(numbers.Upsert(value))(t)
	if found := good(numbers.FindByID(7))(t); !reflect.DeepEqual(found, value) {
		t.Fatalf("%#v", found)
	}
	type task struct {
		ID    string   `json:"_id"`
		Done  bool     `json:"done"`
		Count uint64   `json:"count"`
		Tags  []string `json:"tags,omitempty"`
	}
	one := task{ID: "milk", Done: true, Count: math.MaxUint64, Tags: []string{"new"}}
	good(numbers.Upsert(one))(t)
	var read task
	if err := Decode(good(numbers.FindByID("milk"))(t), &read); err != nil || !reflect.DeepEqual(read, one) {
		t.Fatal(read, err)
	}
}

func TestDocumentsThatMatch(t *testing.T) {
	stock := open(t, Config{}).Store().Collection("stock")
	for number, name := range []string{"tea", "milk", "salt", "rice"} {
		good(stock.UpsertTyped(Document{"_id": name, "left": number}, FieldTypes{"left": CounterField}))(t)
	}
	ids := func(found []Document) (ids string) {
		for _, document := range found {
			ids += document["_id"].(string) + " "
		}
		return ids
	}
	some := stock.Find("left >= $args.least").Args(Arguments{"least": 1})
	if found := ids(good(some.Sort("left").Documents())(t)); found != "milk salt rice " {
		t.Fatal(found)
	}
	if found := ids(good(some.SortDescending("left").Offset(1).Limit(1).Documents())(t)); found != "salt " {
		t.Fatal(found)
	}
	good(some.Update(Increment("left", -1)))(t)
	good(some.UpdateWith(func(documents []*MutableDocument) { documents[0].At("left").Increment(10) }))(t)
	if removed := good(some.Remove())(t).IDs(); len(removed) != 2 {
		t.Fatal(removed)
	}
	if evicted := good(stock.Find("true").Evict())(t); !reflect.DeepEqual(evicted, []any{"milk", "tea"}) {
		t.Fatal(evicted)
	}
}

func TestStatementsAndTransactions(t *testing.T) {
	store := open(t, Config{}).Store()
	made := good(store.Execute("INSERT INTO people DOCUMENTS (:one)", Arguments{"one": Document{"_id": "ann"}}))(t)
	if !reflect.DeepEqual(made.MutatedDocumentIDs(), []any{"ann"}) || len(made.Items()) != 0 {
		t.Fatal(made)
	}
	written := good(store.Transaction(func(tx *Transaction) error {
		people := tx.Collection("people")
		good(people.Upsert(Document{"_id": "ben", "age": 1}))(t)
		good(people.UpdateWith("ben", func(ben *MutableDocument) { ben.At("age").Increment(1) }))(t)
		if good(people.Update("nobody", Set("age", 1)))(t) || !good(people.Remove("ann"))(t) {
			t.Error("other documents are there")
		}
		if items := good(tx.Execute("SELECT * FROM people", nil))(t).Items(); len(items) != 1 {
			t.Error(items)
		}
		found := good(people.Find("age == 2").Documents())(t)
		_, err := people.Find("true").Subscribe()
		hasCode(t, ErrInTransaction, err)
		return map[bool]error{true: nil, false: errors.New("none")}[len(found) == 1]
	}))(t)
	if written.Sequence() != 2 || len(written.IDs()) != 2 {
		t.Fatal(written)
	}
	refused := errors.New("not wanted")
	_, err := store.Transaction(func(tx *Transaction) error {
		good(tx.Collection("people").Upsert(Document{"_id": "eve"}))(t)
		return refused
	})
	if err != refused {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = store.Transaction(func(tx *Transaction) error {
			_, _ = tx.Collection("people").Upsert(Document{"_id": "eve"})
			panic("in a transaction")
		})
	}()
	if items := good(store.Execute("SELECT * FROM people", nil))(t).Items(); len(items) != 1 {
		t.Fatal(items)
	}
}

func TestSyncWithoutAServer(t *testing.T) {
	headwater := open(t, Config{Dir: t.TempDir(), Relaxed: true, Server: "http://127.0.0.1:9", App: "shop"})
	sync := headwater.Sync()
	subscription := good(sync.RegisterSubscription("SELECT * FROM people", nil))(t)
	if good(subscription.IsComplete())(t) || good(subscription.Refused())(t) != "" {
		t.Fatal("it is complete")
	}
	if err := headwater.StartSync(); err != nil {
		t.Fatal(err)
	}
	written := good(headwater.Store().Collection("people").Upsert(Document{}))(t)
	if pending := good(sync.Pending())(t); pending != 1 {
		t.Fatal(pending)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := written.Committed(ctx)
	hasCode(t, ErrTimedOut, err)
	_, err = sync.Flushed(ctx)
	hasCode(t, ErrTimedOut, err)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := sync.Flushed(cancelled); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if state := good(sync.State())(t); state != Connecting && state != Waiting {
		t.Fatal(state)
	}
	_, err = sync.Login(context.Background(), "what it gave", "own")
	hasCode(t, ErrTimedOut, err)
	for _, err := range []error{
		sync.ForgetRejected(1), sync.Authenticate("newer"), sync.TokenSource(func() string { return "" }),
		sync.TokenSource(nil), headwater.StopSync(), subscription.Cancel(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(good(sync.Rejected())(t)) != 0 || good(headwater.Info())(t).ABI != 1 {
		t.Fatal("it is another")
	}
}

func TestTheProgramOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	part := func(kind string) string {
		return regexp.MustCompile("(?s)```" + kind + "\n(.*?)```").FindStringSubmatch(string(readme))[1]
	}
	here := good(filepath.Abs("."))(t)
	folder := t.TempDir()
	files := map[string]string{
		"main.go": part("go"),
		"go.mod":  "module app\n\ngo 1.19\n\nrequire headwater v0.0.0\n\nreplace headwater => " + here + "\n",
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program := exec.Command("go", "run", ".")
	program.Dir = folder
	var faults strings.Builder
	program.Stderr = &faults
	printed, err := program.Output()
	if err != nil || string(printed) != part("text") {
		t.Fatalf("%s %s %v", printed, faults.String(), err)
	}
}
