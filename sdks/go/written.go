package headwater

// What a write came to.

import "context"

// Written is a write. It is durable here.
type Written struct {
	port *port
	ids  []any
	// sequence is 0 if there was nothing to do.
	sequence uint64
}

// ID is the document's id: of an upsert there is always one.
func (written *Written) ID() any {
	if len(written.ids) == 0 {
		return nil
	}
	return written.ids[0]
}

// IDs are the documents that were written.
func (written *Written) IDs() []any {
	return written.ids
}

// Sequence is the number of its transaction here; 0 if there was nothing to do.
func (written *Written) Sequence() uint64 {
	return written.sequence
}

// Committed waits until the server has it, as Sync.Committed; 0 if there was nothing to do.
func (written *Written) Committed(ctx context.Context) (txn uint64, err error) {
	if written.sequence == 0 {
		return 0, nil
	}
	return written.port.verdict(ctx, Document{"call": "committed", "sequence": written.sequence})
}

// Executed is what a statement came to.
type Executed struct {
	Written
	items []Document
}

// Items are the rows of a SELECT, or what RETURNING says.
func (executed *Executed) Items() []Document {
	return executed.items
}

// MutatedDocumentIDs are the documents that were written or evicted.
func (executed *Executed) MutatedDocumentIDs() []any {
	return executed.ids
}

// write asks for a write that is answered with ids.
func (port *port) write(request Document) (*Written, error) {
	answer, err := port.call(request)
	if err != nil {
		return nil, err
	}
	return &Written{port, list(answer["ids"]), natural(answer["sequence"])}, nil
}

func (port *port) execute(request Document) (*Executed, error) {
	answer, err := port.call(request)
	if err != nil {
		return nil, err
	}
	written := Written{port, list(answer["mutated"]), natural(answer["sequence"])}
	return &Executed{written, documents(answer["items"])}, nil
}

// verdict waits for the server's word.
func (port *port) verdict(ctx context.Context, request Document) (txn uint64, err error) {
	answer, err := port.await(ctx, request)
	if err != nil {
		return 0, err
	}
	return natural(answer["txn"]), nil
}
