// Command login logs a user of an app in: login FOLDER SERVER PROVIDER TOKEN….
//
// It tries one token after another, says what came of each, writes once it is logged in, and logs in with the last token
// again whenever it is asked to. It ends when its input does.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"headwater/compat"
)

func main() {
	if len(os.Args) < 5 {
		log.Fatal("usage: login FOLDER SERVER PROVIDER TOKEN…, as in: login till-7 http://localhost:8080 own secret")
	}
	folder, server, provider, tokens := os.Args[1], os.Args[2], os.Args[3], os.Args[4:]
	ditto, err := compat.Open(compat.DittoConfig{
		Connect: compat.ConnectServer{URL: server}, PersistenceDirectory: folder,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer ditto.Close()
	for _, token := range tokens {
		fmt.Println(logIn(ditto, token, provider))
	}
	err = ditto.Auth.SetExpirationHandler(func(asking *compat.Ditto, _ time.Duration) {
		fmt.Println("again:", logIn(asking, tokens[len(tokens)-1], provider))
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := ditto.StartSync(); err != nil {
		log.Fatal(err)
	}
	docID, err := ditto.Store.Collection("people").Upsert(map[string]any{"name": "Susan"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(docID)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func logIn(ditto *compat.Ditto, token, provider string) string {
	err := ditto.Auth.Login(token, provider)
	var refused *compat.DittoError
	if errors.As(err, &refused) {
		return string(refused.Code)
	}
	return "logged in"
}
