// The error codes: what `HeadwaterError.code` may be, each with its number.
// Made of sdks/calls.json by `cargo xtask sdk generate`. Numbers and texts never change.

/** Each code's number. */
export declare const codes: {
  /** the peer is closed */
  readonly closed: 1;
  /** a message is none: its bytes, a name, a type, what is missing or too much */
  readonly invalid_message: 2;
  /** this library does not know the call, the option or the list of calls */
  readonly unsupported: 3;
  /** another process has the folder open */
  readonly in_use: 4;
  /** the folder cannot be opened or made */
  readonly open_failed: 5;
  /** what is stored is damaged, or a newer program's */
  readonly damaged: 6;
  /** the store cannot be read or written: a full disk or quota, say; nothing of the write is there */
  readonly store_failed: 7;
  /** a statement, a query or its arguments are none */
  readonly invalid_query: 8;
  /** a query would take too long or too much memory */
  readonly too_expensive: 9;
  /** a value can be no document, id, path, name or change */
  readonly invalid_value: 10;
  /** an INSERT of a document that is there */
  readonly exists: 11;
  /** what a peer does not do: write a system collection, make an index */
  readonly not_allowed: 12;
  /** a document or transaction that would not fit into a frame */
  readonly too_large: 13;
  /** too much waits for the server: sync first */
  readonly pending_full: 14;
  /** more observers or subscriptions than there may be */
  readonly too_many: 15;
  /** sync or a login was asked for, and no server is named */
  readonly no_server: 16;
  /** the URL of the server, its app or a certificate is none */
  readonly invalid_server: 17;
  /** the server refused the write, which is among the rejected ones, or the login */
  readonly rejected: 18;
  /** nothing came within the time; it may still come */
  readonly timed_out: 19;
  /** a call within a transaction that would wait for itself */
  readonly in_transaction: 20;
  /** there is no such transaction, or it was ended because nothing came of it */
  readonly no_transaction: 21;
  /** a fault of the library; what was durable is there */
  readonly internal: 22;
  /** the browser's tab that had the store went away; whether a write is there is not known */
  readonly interrupted: 23;
  /** the server has no such attachment, or not for this user */
  readonly not_found: 24;
};

/** What `HeadwaterError.code` may be. */
export type Code = keyof typeof codes;
