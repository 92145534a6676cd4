// The error codes: what `HeadwaterError.code` may be, each with its number.
// Made of sdks/calls.json by `cargo xtask sdk generate`. Numbers and texts never change.

/** Each code's number. */
export const codes = Object.freeze({
  /** the peer is closed */
  closed: 1,
  /** a message is none: its bytes, a name, a type, what is missing or too much */
  invalid_message: 2,
  /** this library does not know the call, the option or the list of calls */
  unsupported: 3,
  /** another process has the folder open */
  in_use: 4,
  /** the folder cannot be opened or made */
  open_failed: 5,
  /** what is stored is damaged, or a newer program's */
  damaged: 6,
  /** the store cannot be read or written: a full disk or quota, say; nothing of the write is there */
  store_failed: 7,
  /** a statement, a query or its arguments are none */
  invalid_query: 8,
  /** a query would take too long or too much memory */
  too_expensive: 9,
  /** a value can be no document, id, path, name or change */
  invalid_value: 10,
  /** an INSERT of a document that is there */
  exists: 11,
  /** what a peer does not do: write a system collection, make an index */
  not_allowed: 12,
  /** a document or transaction that would not fit into a frame */
  too_large: 13,
  /** too much waits for the server: sync first */
  pending_full: 14,
  /** more observers or subscriptions than there may be */
  too_many: 15,
  /** sync or a login was asked for, and no server is named */
  no_server: 16,
  /** the URL of the server, its app or a certificate is none */
  invalid_server: 17,
  /** the server refused the write, which is among the rejected ones, or the login */
  rejected: 18,
  /** nothing came within the time; it may still come */
  timed_out: 19,
  /** a call within a transaction that would wait for itself */
  in_transaction: 20,
  /** there is no such transaction, or it was ended because nothing came of it */
  no_transaction: 21,
  /** a fault of the library; what was durable is there */
  internal: 22,
  /** the browser's tab that had the store went away; whether a write is there is not known */
  interrupted: 23,
  /** the server has no such attachment, or not for this user */
  not_found: 24,
});
