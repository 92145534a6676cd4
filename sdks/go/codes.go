// Code generated of sdks/calls.json by `cargo xtask sdk generate`. DO NOT EDIT.

package headwater

// What the code of an Error may be: numbers and texts never change, a newer library may have others.
// errors.Is(err, headwater.ErrClosed) says whether it is the code of an error.
const (
	// ErrClosed says: the peer is closed.
	ErrClosed Code = "closed"
	// ErrInvalidMessage says: a message is none: its bytes, a name, a type, what is missing or too much.
	ErrInvalidMessage Code = "invalid_message"
	// ErrUnsupported says: this library does not know the call, the option or the list of calls.
	ErrUnsupported Code = "unsupported"
	// ErrInUse says: another process has the folder open.
	ErrInUse Code = "in_use"
	// ErrOpenFailed says: the folder cannot be opened or made.
	ErrOpenFailed Code = "open_failed"
	// ErrDamaged says: what is stored is damaged, or a newer program's.
	ErrDamaged Code = "damaged"
	// ErrStoreFailed says: the store cannot be read or written: a full disk or quota, say; nothing of the write is there.
	ErrStoreFailed Code = "store_failed"
	// ErrInvalidQuery says: a statement, a query or its arguments are none.
	ErrInvalidQuery Code = "invalid_query"
	// ErrTooExpensive says: a query would take too long or too much memory.
	ErrTooExpensive Code = "too_expensive"
	// ErrInvalidValue says: a value can be no document, id, path, name or change.
	ErrInvalidValue Code = "invalid_value"
	// ErrExists says: an INSERT of a document that is there.
	ErrExists Code = "exists"
	// ErrNotAllowed says: what a peer does not do: write a system collection, make an index.
	ErrNotAllowed Code = "not_allowed"
	// ErrTooLarge says: a document or transaction that would not fit into a frame.
	ErrTooLarge Code = "too_large"
	// ErrPendingFull says: too much waits for the server: sync first.
	ErrPendingFull Code = "pending_full"
	// ErrTooMany says: more observers or subscriptions than there may be.
	ErrTooMany Code = "too_many"
	// ErrNoServer says: sync or a login was asked for, and no server is named.
	ErrNoServer Code = "no_server"
	// ErrInvalidServer says: the URL of the server, its app or a certificate is none.
	ErrInvalidServer Code = "invalid_server"
	// ErrRejected says: the server refused the write, which is among the rejected ones, or the login.
	ErrRejected Code = "rejected"
	// ErrTimedOut says: nothing came within the time; it may still come.
	ErrTimedOut Code = "timed_out"
	// ErrInTransaction says: a call within a transaction that would wait for itself.
	ErrInTransaction Code = "in_transaction"
	// ErrNoTransaction says: there is no such transaction, or it was ended because nothing came of it.
	ErrNoTransaction Code = "no_transaction"
	// ErrInternal says: a fault of the library; what was durable is there.
	ErrInternal Code = "internal"
	// ErrInterrupted says: the browser's tab that had the store went away; whether a write is there is not known.
	ErrInterrupted Code = "interrupted"
	// ErrNotFound says: the server has no such attachment, or not for this user.
	ErrNotFound Code = "not_found"
)
