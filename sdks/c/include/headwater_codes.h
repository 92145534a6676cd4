/* The error codes of Headwater's small peers. An answer's `error.code` is the text, these are the numbers.
 * Made of sdks/calls.json by `cargo xtask sdk generate`. Numbers and texts never change. */
#ifndef HEADWATER_CODES_H
#define HEADWATER_CODES_H

typedef enum HeadwaterError {
  /* the peer is closed */
  HEADWATER_ERROR_CLOSED = 1,
  /* a message is none: its bytes, a name, a type, what is missing or too much */
  HEADWATER_ERROR_INVALID_MESSAGE = 2,
  /* this library does not know the call, the option or the list of calls */
  HEADWATER_ERROR_UNSUPPORTED = 3,
  /* another process has the folder open */
  HEADWATER_ERROR_IN_USE = 4,
  /* the folder cannot be opened or made */
  HEADWATER_ERROR_OPEN_FAILED = 5,
  /* what is stored is damaged, or a newer program's */
  HEADWATER_ERROR_DAMAGED = 6,
  /* the store cannot be read or written: a full disk or quota, say; nothing of the write is there */
  HEADWATER_ERROR_STORE_FAILED = 7,
  /* a statement, a query or its arguments are none */
  HEADWATER_ERROR_INVALID_QUERY = 8,
  /* a query would take too long or too much memory */
  HEADWATER_ERROR_TOO_EXPENSIVE = 9,
  /* a value can be no document, id, path, name or change */
  HEADWATER_ERROR_INVALID_VALUE = 10,
  /* an INSERT of a document that is there */
  HEADWATER_ERROR_EXISTS = 11,
  /* what a peer does not do: write a system collection, make an index */
  HEADWATER_ERROR_NOT_ALLOWED = 12,
  /* a document or transaction that would not fit into a frame */
  HEADWATER_ERROR_TOO_LARGE = 13,
  /* too much waits for the server: sync first */
  HEADWATER_ERROR_PENDING_FULL = 14,
  /* more observers or subscriptions than there may be */
  HEADWATER_ERROR_TOO_MANY = 15,
  /* sync or a login was asked for, and no server is named */
  HEADWATER_ERROR_NO_SERVER = 16,
  /* the URL of the server, its app or a certificate is none */
  HEADWATER_ERROR_INVALID_SERVER = 17,
  /* the server refused the write, which is among the rejected ones, or the login */
  HEADWATER_ERROR_REJECTED = 18,
  /* nothing came within the time; it may still come */
  HEADWATER_ERROR_TIMED_OUT = 19,
  /* a call within a transaction that would wait for itself */
  HEADWATER_ERROR_IN_TRANSACTION = 20,
  /* there is no such transaction, or it was ended because nothing came of it */
  HEADWATER_ERROR_NO_TRANSACTION = 21,
  /* a fault of the library; what was durable is there */
  HEADWATER_ERROR_INTERNAL = 22,
  /* the browser's tab that had the store went away; whether a write is there is not known */
  HEADWATER_ERROR_INTERRUPTED = 23,
  /* the server has no such attachment, or not for this user */
  HEADWATER_ERROR_NOT_FOUND = 24,
} HeadwaterError;

#define HEADWATER_CODES(CODE) \
  CODE(HEADWATER_ERROR_CLOSED, "closed") \
  CODE(HEADWATER_ERROR_INVALID_MESSAGE, "invalid_message") \
  CODE(HEADWATER_ERROR_UNSUPPORTED, "unsupported") \
  CODE(HEADWATER_ERROR_IN_USE, "in_use") \
  CODE(HEADWATER_ERROR_OPEN_FAILED, "open_failed") \
  CODE(HEADWATER_ERROR_DAMAGED, "damaged") \
  CODE(HEADWATER_ERROR_STORE_FAILED, "store_failed") \
  CODE(HEADWATER_ERROR_INVALID_QUERY, "invalid_query") \
  CODE(HEADWATER_ERROR_TOO_EXPENSIVE, "too_expensive") \
  CODE(HEADWATER_ERROR_INVALID_VALUE, "invalid_value") \
  CODE(HEADWATER_ERROR_EXISTS, "exists") \
  CODE(HEADWATER_ERROR_NOT_ALLOWED, "not_allowed") \
  CODE(HEADWATER_ERROR_TOO_LARGE, "too_large") \
  CODE(HEADWATER_ERROR_PENDING_FULL, "pending_full") \
  CODE(HEADWATER_ERROR_TOO_MANY, "too_many") \
  CODE(HEADWATER_ERROR_NO_SERVER, "no_server") \
  CODE(HEADWATER_ERROR_INVALID_SERVER, "invalid_server") \
  CODE(HEADWATER_ERROR_REJECTED, "rejected") \
  CODE(HEADWATER_ERROR_TIMED_OUT, "timed_out") \
  CODE(HEADWATER_ERROR_IN_TRANSACTION, "in_transaction") \
  CODE(HEADWATER_ERROR_NO_TRANSACTION, "no_transaction") \
  CODE(HEADWATER_ERROR_INTERNAL, "internal") \
  CODE(HEADWATER_ERROR_INTERRUPTED, "interrupted") \
  CODE(HEADWATER_ERROR_NOT_FOUND, "not_found")

#endif
