// Command flush pushes what waits in a folder: flush FOLDER SERVER. It prints the id of the server's transaction.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"headwater"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: flush FOLDER SERVER, as in: flush till-7 http://localhost:8080")
	}
	peer, err := headwater.Open(headwater.Config{Dir: os.Args[1], Server: os.Args[2]})
	if err != nil {
		log.Fatal(err)
	}
	defer peer.Close()
	if err := peer.StartSync(); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	txn, err := peer.Sync().Flushed(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(txn)
}
