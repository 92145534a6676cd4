package compat

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"headwater"
)

const long = time.Minute

func open(t *testing.T) *Ditto {
	t.Helper()
	ditto, err := Open(DittoConfig{Connect: ConnectSmallPeersOnly{}, PersistenceDirectory: t.TempDir()})
	check(t, err)
	t.Cleanup(func() { _ = ditto.Close() })
	return ditto
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func next[T any](t *testing.T, told chan T) (it T) {
	t.Helper()
	select {
	case it = <-told:
	case <-time.After(long):
		t.Fatal("nothing is told")
	}
	return it
}

func TestATasksApp(t *testing.T) {
	ditto := open(t)
	check(t, ditto.StartSync())
	subscription, err := ditto.Sync.RegisterSubscription("SELECT * FROM tasks", nil)
	check(t, err)
	told := make(chan *QueryResult, 100)
	observer, err := ditto.Store.RegisterObserver("SELECT * FROM tasks", nil, func(result *QueryResult) { told <- result })
	check(t, err)
	next(t, told)
	task := map[string]any{"_id": "milk", "done": false}
	made, err := ditto.Store.Execute("INSERT INTO tasks DOCUMENTS (:task)", map[string]any{"task": task})
	check(t, err)
	if ids := made.MutatedDocumentIDs(); len(ids) != 1 || ids[0].String() != "milk" {
		t.Fatal(ids)
	}
	if result := next(t, told); result.Items[0].JSONString() != `{"_id":"milk","done":false}` {
		t.Fatal(result)
	}
	arguments := map[string]any{"done": true, "id": NewDocumentID("milk")}
	_, err = ditto.Store.Execute("UPDATE tasks SET done = :done WHERE _id = :id", arguments)
	check(t, err)
	if result := next(t, told); result.Items[0].Value["done"] != true {
		t.Fatal(result)
	}
	if observers := ditto.Store.Observers(); len(observers) != 1 || observers[0] != observer {
		t.Fatal(observers)
	}
	observer.Cancel()
	check(t, subscription.Cancel())
	check(t, subscription.Cancel())
	_, err = ditto.Store.Execute("ALTER SYSTEM SET DQL_STRICT_MODE = false", nil)
	check(t, err)
	if _, err := ditto.Store.Execute("ALTER SYSTEM SET DQL_STRICT_MODE = true", nil); !errors.Is(err, headwater.ErrUnsupported) {
		t.Fatal(err)
	}
	if names, err := ditto.Store.CollectionNames(); err != nil || !reflect.DeepEqual(names, []string{"tasks"}) {
		t.Fatal(names, err)
	}
}

func TestALegacyApp(t *testing.T) {
	people := open(t).Store.Collection("people")
	susan, err := people.Upsert(map[string]any{
		"name": "Susan", "visits": Counter{3}, "home": Register{map[string]any{"town": "Bath"}},
	})
	check(t, err)
	told := make(chan LiveQueryEvent, 100)
	live, err := people.Find("name == $args.name", map[string]any{"name": "Susan"}).ObserveLocal(
		func(_ []Document, event LiveQueryEvent) { told <- event })
	check(t, err)
	if !next(t, told).IsInitial {
		t.Fatal("it is not the first")
	}
	results, err := people.FindByID(susan).Update(func(susan *MutableDocument) {
		susan.At("visits").Counter().Increment(2)
		susan.At("age").Set(31)
	})
	check(t, err)
	if len(results) != 2 || results[0].Type != "incremented" || results[1].Path != "age" {
		t.Fatal(results)
	}
	if event := next(t, told); !reflect.DeepEqual(event.Updates, []int{0}) {
		t.Fatal(event)
	}
	live.Stop()
	found, err := people.FindByID(susan).Exec()
	check(t, err)
	if found.At("visits").Counter().Value != 5 || found.At("age").Value() != int64(31) || !found.ID().IsEqualTo(susan) {
		t.Fatal(found)
	}
	_, err = people.FindAll().Update(func(documents []*MutableDocument) { documents[0].At("age").Remove() })
	check(t, err)
	for number := 0; number < 3; number++ {
		_, err := people.UpsertWithStrategy(map[string]any{"_id": number, "name": "n"}, InsertIfAbsent)
		check(t, err)
	}
	numbers, err := people.Find("name == 'n'", nil).Sort("_id", Descending).Offset(1).Limit(1).Exec()
	check(t, err)
	if len(numbers) != 1 || numbers[0].Value["_id"] != int64(1) {
		t.Fatal(numbers)
	}
	if isThere, err := people.FindByID(0).Remove(); !isThere || err != nil {
		t.Fatal(err)
	}
	if ids, err := people.Find("_id == 1", nil).Evict(); len(ids) != 1 || err != nil {
		t.Fatal(ids, err)
	}
}

func TestTransactions(t *testing.T) {
	ditto := open(t)
	results, err := ditto.Store.Write(func(transaction *WriteTransaction) error {
		stock := transaction.Scoped("stock")
		if _, err := stock.Upsert(map[string]any{"_id": "tea", "left": Counter{2}}); err != nil {
			return err
		}
		_, err := stock.FindByID("tea").Update(func(tea *MutableDocument) { tea.At("left").Increment(-1) })
		return err
	})
	check(t, err)
	expected := []WriteTransactionResult{
		{"inserted", DocumentID{"tea"}, "stock"}, {"updated", DocumentID{"tea"}, "stock"},
	}
	if !reflect.DeepEqual(results, expected) {
		t.Fatal(results)
	}
	check(t, ditto.Store.Transaction(func(transaction *DQLTransaction) error {
		if _, err := transaction.Execute("DELETE FROM stock", nil); err != nil {
			return err
		}
		return ErrRollBack
	}))
	if found, err := ditto.Store.Collection("stock").FindAll().Exec(); err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
}

func TestPacingAndTheOlderWay(t *testing.T) {
	identity := OnlinePlayground{AppID: "shop", Token: "key", CustomAuthURL: "http://127.0.0.1:9"}
	ditto, err := NewDitto(identity, t.TempDir())
	check(t, err)
	defer ditto.Close()
	check(t, ditto.StartSync())
	people := ditto.Store.Collection("people")
	nexts := make(chan func(), 100)
	live, err := people.FindAll().ObserveLocalWithNextSignal(func(_ []Document, _ LiveQueryEvent, signalNext func()) {
		nexts <- signalNext
	})
	check(t, err)
	signalNext := next(t, nexts)
	for number := 0; number < 5; number++ {
		_, err := people.Upsert(map[string]any{"_id": number})
		check(t, err)
	}
	if len(nexts) > 0 {
		t.Fatal("it did not wait")
	}
	signalNext()
	next(t, nexts)
	live.Stop()
	graphs := make(chan PresenceGraph, 10)
	_, err = ditto.Presence.Observe(func(graph PresenceGraph) { graphs <- graph })
	check(t, err)
	if next(t, graphs).LocalPeer.IsConnectedToDittoServer {
		t.Fatal("there is none")
	}
	check(t, ditto.Auth.Login("another", DevelopmentProvider))
	if err := ditto.Auth.Login("what it gave", "own"); !errors.Is(err, headwater.ErrTimedOut) {
		t.Fatal(err)
	}
	check(t, ditto.Auth.SetExpirationHandler(func(*Ditto, time.Duration) {}))
	check(t, ditto.Auth.SetExpirationHandler(nil))
	check(t, ditto.Auth.Logout())
}

// types are those of which sdks/go/names.json has names.
var types = map[string][]any{
	"ours": {
		&headwater.Headwater{}, &headwater.Store{}, &headwater.Collection{}, &headwater.ByID{}, &headwater.Find{},
		&headwater.Executed{}, &headwater.Written{}, &headwater.Observer{}, &headwater.Sync{}, &headwater.Subscription{},
		&headwater.MutableField{}, &headwater.Transaction{},
	},
	"compat": {
		&Ditto{}, &Store{}, &Collection{}, &PendingCursorOperation{}, &PendingIDSpecificOperation{}, &QueryResult{},
		&StoreObserver{}, &Sync{}, &SyncSubscription{}, &Authenticator{}, &MutableDocumentPath{}, &Counter{},
	},
}

// functions are what stands alone, by their names.
var functions = map[string]any{"Open": headwater.Open, "compat.Open": Open, "compat.NewDitto": NewDitto, "compat.Counter": Counter{}}

func TestEveryNameOfTheTableIsThere(t *testing.T) {
	text, err := os.ReadFile("../names.json")
	check(t, err)
	var rows []map[string]any
	check(t, json.Unmarshal(text, &rows))
	count := 0
	for _, row := range rows {
		for column, of := range types {
			name, _ := row[column].(string)
			if name == "" {
				continue
			}
			count++
			if !isThere(name, of) && functions[name] == nil && functions[column+"."+name] == nil {
				t.Errorf("there is no %s", name)
			}
		}
	}
	if count < 60 {
		t.Fatal(count)
	}
}

func isThere(name string, types []any) bool {
	of, member, _ := strings.Cut(name, ".")
	for _, it := range types {
		kind := reflect.TypeOf(it)
		if kind.Elem().Name() != of {
			continue
		}
		_, isField := kind.Elem().FieldByName(member)
		_, isMethod := kind.MethodByName(member)
		return isField || isMethod
	}
	return false
}
