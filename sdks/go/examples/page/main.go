// Command page is the page's write: page FOLDER SERVER.
//
// It needs no server: what it writes is in the folder when it prints the id, and is synced then or by the next program that
// opens the folder. It ends when its input does.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"headwater/compat"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: page FOLDER SERVER, as in: page till-7 http://localhost:8080")
	}
	ditto, err := compat.Open(compat.DittoConfig{
		Connect: compat.ConnectServer{URL: os.Args[2]}, PersistenceDirectory: os.Args[1],
	})
	if err != nil {
		log.Fatal(err)
	}
	defer ditto.Close()
	if err := ditto.StartSync(); err != nil {
		log.Fatal(err)
	}

	docID, err := ditto.Store.Collection("people").Upsert(map[string]any{
		"name": "Susan",
		"age":  31,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(docID) // 507f191e810c19729de860ea

	_, _ = io.Copy(io.Discard, os.Stdin)
}
