package headwater

import (
	"fmt"
	"os"
)

// programs are what this binary can be: each ends by itself.
var programs = map[string]func(){
	// Opens the folder in its environment.
	"open": func() {
		headwater, err := Open(Config{Dir: os.Getenv("HEADWATER_TEST_DIR")})
		if err == nil {
			defer headwater.Close()
		}
		fmt.Println(err)
	},
	// Has a callback that panics, and nobody who wants to know.
	"panic": func() {
		headwater, err := Open(Config{Dir: "peer"})
		if err != nil {
			panic(err)
		}
		_, _ = headwater.Store().RegisterObserver("SELECT * FROM a", nil, func([]Document) { panic("of a callback") })
		select {}
	},
	// Ends with everything open.
	"exit": func() {
		headwater, err := Open(Config{Dir: "peer"})
		if err != nil {
			panic(err)
		}
		told := make(chan bool)
		_, _ = headwater.Store().RegisterObserver("SELECT * FROM a", nil, func([]Document) { told <- true })
		<-told
		written, err := headwater.Store().Collection("a").Upsert(Document{"_id": "a"})
		fmt.Println(written.ID(), err)
		os.Exit(0)
	},
}
