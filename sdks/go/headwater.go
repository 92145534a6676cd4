// Package headwater is a small peer in a program: it writes to a store of its own first, without a network too, and syncs
// with a server when there is one.
//
// Not here: the vendor's names (package compat); goroutines and life cycle (README.md).
package headwater

// Config says how a peer is opened.
type Config struct {
	// Dir is the folder of the peer.
	Dir string
	// Server is where the server is: https://host or http://host, with a port if it is another one.
	Server string
	// App is which app of the server; its default one if none is named.
	App string
	// Token is a key of the server.
	Token string
	// TokenSource gives a newer one, or "" if it has none: asked when the server does not take the old one, and a minute
	// before that ends.
	TokenSource func() string
	// CACertificates are PEM, of servers that made their own.
	CACertificates []string
	// Strict is DQL's strict mode.
	Strict bool
	// Relaxed writes return before they are durable: a kill may take those of the last 100 ms.
	Relaxed bool
	// OnError is told of results that observers cannot have. Without it they are logged by the package log.
	OnError func(error)
	// OnPanic is told what a callback panicked with, and other callbacks go on. Without it the panic ends the program, as
	// that of every goroutine does.
	OnPanic func(value any, stack []byte)
}

func (config Config) message() Document {
	message := Document{"abi": abi, "dir": config.Dir, "sdk": "go", "strict": config.Strict, "relaxed": config.Relaxed}
	for name, value := range map[string]string{"server": config.Server, "app": config.App, "token": config.Token} {
		if value != "" {
			message[name] = value
		}
	}
	if len(config.CACertificates) > 0 {
		message["ca_certificates"] = config.CACertificates
	}
	return message
}

// Headwater is a small peer that is open.
type Headwater struct {
	port  *port
	store *Store
	sync  *Sync
}

// Open opens the peer, or makes a new one. No network is needed, and sync is stopped at first.
func Open(config Config) (*Headwater, error) {
	port, err := openPort(config)
	if err != nil {
		return nil, err
	}
	headwater := handleOf(port)
	if config.TokenSource != nil {
		if err := headwater.sync.TokenSource(config.TokenSource); err != nil {
			port.close()
			return nil, err
		}
	}
	return headwater, nil
}

func handleOf(port *port) *Headwater {
	return &Headwater{port: port, store: &Store{port}, sync: &Sync{port: port}}
}

// Store has its documents.
func (headwater *Headwater) Store() *Store {
	return headwater.store
}

// Sync has subscriptions, and what became of writes.
func (headwater *Headwater) Sync() *Sync {
	return headwater.sync
}

// StartSync connects, and connects again whenever the connection is lost. It returns before there is a connection.
func (headwater *Headwater) StartSync() error {
	_, err := headwater.port.call(Document{"call": "start_sync"})
	return err
}

// StopSync ends the connection. Local work goes on.
func (headwater *Headwater) StopSync() error {
	_, err := headwater.port.call(Document{"call": "stop_sync"})
	return err
}

// Close closes the peer, and waits until its files are closed and its callbacks have ended. Whatever is asked of it from
// then on is ErrClosed; to close it again does nothing. The error is always nil.
func (headwater *Headwater) Close() error {
	headwater.port.close()
	return nil
}

// IsClosed says whether it was closed.
func (headwater *Headwater) IsClosed() bool {
	return headwater.port.core.isClosed.Load()
}

// Info is what a library is.
type Info struct {
	ABI     int64
	Version string
}

// Info says what the library is.
func (headwater *Headwater) Info() (Info, error) {
	answer, err := headwater.port.call(Document{"call": "info"})
	if err != nil {
		return Info{}, err
	}
	number, _ := answer["abi"].(int64)
	return Info{ABI: number, Version: text(answer["version"])}, nil
}

// text is a text of an answer, or "".
func text(value any) string {
	text, _ := value.(string)
	return text
}

// natural is a number of an answer, or 0.
func natural(value any) uint64 {
	switch value := value.(type) {
	case int64:
		return uint64(value)
	case uint64:
		return value
	}
	return 0
}

// list is a list of an answer, or none.
func list(value any) []any {
	list, _ := value.([]any)
	return list
}

// documents are the objects of a list of an answer.
func documents(value any) []Document {
	all := list(value)
	documents := make([]Document, 0, len(all))
	for _, it := range all {
		if document, isDocument := it.(Document); isDocument {
			documents = append(documents, document)
		}
	}
	return documents
}
