// Made of sdks/calls.json by `cargo xtask sdk generate`. Texts never change.
package com.headwater;

/** The error codes: what {@link HeadwaterException#code} may be. A newer library may have others. */
public final class Codes {
    /** The peer is closed. */
    public static final String CLOSED = "closed";
    /** A message is none: its bytes, a name, a type, what is missing or too much. */
    public static final String INVALID_MESSAGE = "invalid_message";
    /** This library does not know the call, the option or the list of calls. */
    public static final String UNSUPPORTED = "unsupported";
    /** Another process has the folder open. */
    public static final String IN_USE = "in_use";
    /** The folder cannot be opened or made. */
    public static final String OPEN_FAILED = "open_failed";
    /** What is stored is damaged, or a newer program's. */
    public static final String DAMAGED = "damaged";
    /** The store cannot be read or written: a full disk or quota, say; nothing of the write is there. */
    public static final String STORE_FAILED = "store_failed";
    /** A statement, a query or its arguments are none. */
    public static final String INVALID_QUERY = "invalid_query";
    /** A query would take too long or too much memory. */
    public static final String TOO_EXPENSIVE = "too_expensive";
    /** A value can be no document, id, path, name or change. */
    public static final String INVALID_VALUE = "invalid_value";
    /** An INSERT of a document that is there. */
    public static final String EXISTS = "exists";
    /** What a peer does not do: write a system collection, make an index. */
    public static final String NOT_ALLOWED = "not_allowed";
    /** A document or transaction that would not fit into a frame. */
    public static final String TOO_LARGE = "too_large";
    /** Too much waits for the server: sync first. */
    public static final String PENDING_FULL = "pending_full";
    /** More observers or subscriptions than there may be. */
    public static final String TOO_MANY = "too_many";
    /** Sync or a login was asked for, and no server is named. */
    public static final String NO_SERVER = "no_server";
    /** The URL of the server, its app or a certificate is none. */
    public static final String INVALID_SERVER = "invalid_server";
    /** The server refused the write, which is among the rejected ones, or the login. */
    public static final String REJECTED = "rejected";
    /** Nothing came within the time; it may still come. */
    public static final String TIMED_OUT = "timed_out";
    /** A call within a transaction that would wait for itself. */
    public static final String IN_TRANSACTION = "in_transaction";
    /** There is no such transaction, or it was ended because nothing came of it. */
    public static final String NO_TRANSACTION = "no_transaction";
    /** A fault of the library; what was durable is there. */
    public static final String INTERNAL = "internal";
    /** The browser's tab that had the store went away; whether a write is there is not known. */
    public static final String INTERRUPTED = "interrupted";
    /** The server has no such attachment, or not for this user. */
    public static final String NOT_FOUND = "not_found";

    private Codes() {
    }
}
