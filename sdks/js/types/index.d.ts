// `headwater`: a small peer in a program. It writes to a store of its own first, without a network too, and syncs with
// a server when there is one.
//
// Not here: how promises and callbacks behave on each platform (README.md).

import type { Code } from './codes.js';

export { codes } from './codes.js';
export type { Code } from './codes.js';

/** A document, with its `_id`. Integers that a number cannot hold are BigInts. */
export type Document = { [field: string]: any };

/** What stands for the parameters of a statement or condition. */
export type Arguments = { [name: string]: unknown };

/** How writes of several peers to one field come together. */
export type FieldType = 'counter' | 'register' | 'map' | 'attachment';

/** What stands in a document for a file, in a field of the type `attachment`. */
export declare class AttachmentToken {
  constructor(value: { id: string; len: number; metadata?: { [name: string]: string } });
  /** The SHA-256 of the file, as base64url without padding. */
  readonly id: string;
  /** How long it is, in bytes. */
  readonly len: number;
  /** Whatever an app says of it. */
  readonly metadata: { [name: string]: string };
  toJSON(): { id: string; len: number; metadata: { [name: string]: string } };
}

/** A file that is here. */
export declare class Attachment {
  private constructor();
  readonly token: AttachmentToken;
  /** Where it is. It is not to be changed, and may go when no document refers to it for a day. */
  readonly path: string;
  bytes(): Promise<Uint8Array>;
  /** Copies it to a file of the app's. */
  copyTo(path: string): Promise<void>;
}

/** Why something was not done. */
export declare class HeadwaterError extends Error {
  constructor(code: Code, message: string, options?: ErrorOptions);
  readonly name: string;
  /** For programs; the message is for people. */
  readonly code: Code;
}

/** How a peer is opened. */
export interface Config {
  /** The folder of the peer; in a browser the name of the store. */
  dir?: string;
  /** Where the server is: `https://host` or `http://host`, with a port if it is another one. */
  server?: string;
  /** Which app of the server; its default one if none is named. */
  app?: string;
  /** A key of the server. */
  token?: string;
  /** Who gives a newer one: asked when the server does not take the old one, and a minute before that ends. */
  tokenSource?: TokenSource;
  /** In PEM, of servers that made their own. Not in a browser. */
  caCertificates?: string[];
  /** DQL's strict mode. */
  strict?: boolean;
  /** Writes return before they are durable: a kill may take those of the last 100 ms. */
  relaxed?: boolean;
}

/** Gives a token, or none. */
export type TokenSource = () => string | undefined | Promise<string | undefined>;

/** How an observer is told of a result that cannot be had; without it that is an uncaught exception. */
export interface ObserverOptions {
  onError?: (error: HeadwaterError) => void;
}

/** How long something is waited for; for ever if no time is given. */
export interface WaitOptions {
  timeoutMs?: number;
}

/** A small peer that is open. */
export declare class Headwater {
  private constructor();
  /** Opens the peer, or makes a new one. No network is needed, and sync is stopped at first. */
  static open(config: Config): Promise<Headwater>;
  /** Its documents. */
  readonly store: Store;
  /** Subscriptions, and what became of writes. */
  readonly sync: Sync;
  /** Connects, and connects again whenever the connection is lost. It is done before there is a connection. */
  startSync(): Promise<void>;
  /** Ends the connection. Local work goes on. */
  stopSync(): Promise<void>;
  /** Closes the peer, and waits until its files are closed. Whatever is asked of it from then on is `closed`. */
  close(): Promise<void>;
  /** What the library is. */
  info(): Promise<{ abi: number; version: string }>;
}

/** The documents of a peer. */
export declare class Store {
  private constructor();
  /** A collection; it is there once it has a document. */
  collection(name: string): Collection;
  /** Runs a statement of DQL: SELECT, INSERT, UPDATE, DELETE or EVICT. */
  execute(statement: string, args?: Arguments): Promise<Executed>;
  /**
   * Everything that `write` does with what it is given is one transaction, here and at the server: all of it or, if it
   * fails, nothing. While it runs nothing else is written or synced; it may not wait for other writes.
   */
  transaction<T>(write: (transaction: Transaction) => Promise<T> | T): Promise<{ value: T; written: Written }>;
  /** Takes a copy of a file, or of bytes, to be referred to from documents. Not in a browser. */
  newAttachment(source: string | Uint8Array, metadata?: { [name: string]: string }): Promise<Attachment>;
  /** The file that a token names, once it is here; without a network it waits for one. Not in a browser. */
  fetchAttachment(
    token: { id: string; len: number },
    options?: { onProgress?: (here: number, len: number) => void; signal?: AbortSignal },
  ): Promise<Attachment>;
  /** Calls `callback` with what a SELECT gives now, and again whenever that may be something else. */
  registerObserver(
    statement: string, callback: (items: any[]) => unknown, args?: Arguments, options?: ObserverOptions,
  ): Observer;
  /** The same as an async iterator. */
  observe(statement: string, args?: Arguments): AsyncIterable<any[]>;
}

/** A collection. */
export declare class Collection {
  private constructor();
  readonly name: string;
  /** Merges an object into the document that its `_id` names, or makes a new one. */
  upsert(value: object, types?: { [path: string]: FieldType }): Promise<Written>;
  /** The document with its `_id`, or null. */
  findByID(id: unknown): Promise<Document | null>;
  /** The document with this id, to be read, changed or observed. */
  byID(id: unknown): ByID;
  /** The documents that match a condition of the legacy query language; all if there is none. */
  find(query?: string, args?: Arguments): Find;
  /** Changes a document, if it is there. A function may not wait. */
  update(id: unknown, changes: ChangeMessage[] | ((document: MutableDocument) => void)): Promise<Written>;
  /** Removes a document, if it is there, here and at the server. */
  remove(id: unknown): Promise<Written>;
  /** Takes a document out of this store alone: whether it was there. */
  evict(id: unknown): Promise<boolean>;
}

/** A document that is named by its id. */
export declare class ByID {
  private constructor();
  readonly id: unknown;
  get(): Promise<Document | null>;
  /** Has `change` change it in one transaction; it is not called if there is none, and may not wait. */
  update(change: (document: MutableDocument) => void): Promise<Written>;
  remove(): Promise<Written>;
  evict(): Promise<boolean>;
  subscribe(): Promise<Subscription>;
  /** The same document as what a query finds. */
  find(): Find;
}

/** Documents that match a condition. Nothing is looked for until one of the last calls. */
export declare class Find {
  private constructor();
  /** Sorts by what stands at `path`, after earlier ones; the smallest first. */
  sort(path: string): Find;
  /** The same, the greatest first. */
  sortDescending(path: string): Find;
  /** Leaves the first ones out. */
  offset(offset: number): Find;
  /** At most so many. */
  limit(limit: number): Find;
  documents(): Promise<Document[]>;
  /** Order, offset and limit count only for a function, which may not wait. */
  update(changes: ChangeMessage[] | ((documents: MutableDocument[]) => void)): Promise<Written>;
  /** Removes all that match; order, offset and limit do not count. */
  remove(): Promise<Written>;
  /** Takes all that match out of this store alone; order, offset and limit do not count. */
  evict(): Promise<any[]>;
  observe(callback: (documents: Document[]) => unknown, options?: ObserverOptions): Observer;
  /** The same as an async iterator. */
  stream(): AsyncIterable<Document[]>;
  /** Calls `callback` with the documents now, and again with what is different. */
  observeLocal(callback: (documents: Document[], event: LocalEvent) => unknown, options?: ObserverOptions): Observer;
  /** Subscribes to all that match; order, offset and limit do not count. */
  subscribe(): Promise<Subscription>;
}

/** What is different from the result before. */
export interface LocalEvent {
  /** Whether this is the first result: everything is new then, and nothing is named below. */
  isInitial: boolean;
  oldDocuments: Document[];
  /** Places of new documents in this result. */
  insertions: number[];
  /** Places of documents in the result before that are not in this one. */
  deletions: number[];
  /** Places of documents in this result that were in the one before, and are others now. */
  updates: number[];
  /** From and to where documents moved. */
  moves: [number, number][];
}

/** A change of a field. */
export type ChangeMessage = {
  path: string; set?: any; increment?: number | bigint; attach?: object; unset?: true;
};

/** Makes changes of fields. */
export declare class Change {
  /** Replaces what stands at `path`. */
  static set(path: string, value: unknown): ChangeMessage;
  /** Adds to the counter at `path`: increments of several peers all count. */
  static increment(path: string, by: number | bigint): ChangeMessage;
  /** Puts an attachment's token to `path`. */
  static attach(path: string, token: AttachmentToken | object): ChangeMessage;
  /** Takes away what stands at `path`. */
  static unset(path: string): ChangeMessage;
}

/** A document in a function that changes it. Reading it gives what it was before. */
export declare class MutableDocument {
  private constructor();
  readonly id: any;
  readonly value: Document;
  /** The field at `path`, as in `address.city` or `tags[0]`. */
  at(path: string): MutableField;
}

/** A place in a MutableDocument. */
export declare class MutableField {
  private constructor();
  readonly value: any;
  at(step: string | number): MutableField;
  set(value: unknown): void;
  increment(by: number | bigint): void;
  /** Puts an attachment's token there. */
  attach(token: AttachmentToken | object): void;
  unset(): void;
}

/** A transaction in the making. Its reads see what it has written. */
export declare class Transaction {
  private constructor();
  collection(name: string): TransactionCollection;
  /** The rows of a SELECT, or what RETURNING says. */
  execute(statement: string, args?: Arguments): Promise<any[]>;
}

/** A collection in a transaction. */
export declare class TransactionCollection {
  private constructor();
  readonly name: string;
  /** The document's id. */
  upsert(value: object, types?: { [path: string]: FieldType }): Promise<any>;
  findByID(id: unknown): Promise<Document | null>;
  find(query?: string, args?: Arguments): Promise<Document[]>;
  /** Whether the document is there. */
  update(id: unknown, changes: ChangeMessage[] | ((document: MutableDocument) => void)): Promise<boolean>;
  /** Whether the document was there. */
  remove(id: unknown): Promise<boolean>;
}

/** A write. It is durable here. */
export declare class Written {
  protected constructor();
  /** The document's id: of an upsert there is always one. */
  readonly id: any;
  readonly ids: any[];
  /** The number of its transaction here; none if there was nothing to do. */
  readonly sequence: number | undefined;
  /** Waits until the server has it: the id of its transaction there. */
  committed(options?: WaitOptions): Promise<number | undefined>;
}

/** What a statement came to. */
export declare class Executed extends Written {
  private constructor();
  /** The rows of a SELECT, or what RETURNING says. */
  readonly items: any[];
  /** The documents that were written or evicted. */
  readonly mutatedDocumentIDs: any[];
}

/** One who is called. It ends with `cancel`, with the peer, or with the process. */
export declare class Observer {
  private constructor();
  readonly isCancelled: boolean;
  /** Ends it: after this has returned its callback does not run. */
  cancel(): void;
}

/** Where sync stands. */
export type State = 'stopped' | 'connecting' | 'catching_up' | 'live' | 'waiting' | 'needs_token' | 'refused';

/** A write that the server refused. */
export interface Rejected {
  sequence: number;
  /** What the server says of it. */
  why: string;
  /** Those that it would have written. */
  documents: { collection: string; id: any }[];
  /** What upserts in it would have written; it is nowhere else. */
  values: { collection: string; value: any }[];
}

/** Sync of a peer. */
export declare class Sync {
  private constructor();
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Subscribes to a collection, or a part of it: `SELECT * FROM … [WHERE …]`. */
  registerSubscription(statement: string, args?: Arguments): Promise<Subscription>;
  state(): Promise<State>;
  /** Where sync stands, now and whenever it stands elsewhere. */
  states(): AsyncIterable<State>;
  observeState(callback: (state: State) => unknown): Observer;
  /** How many local transactions the server has said nothing of. */
  pending(): Promise<number>;
  /** Why it does not sync, for people, if something is wrong. */
  lastError(): Promise<string | undefined>;
  /** Waits until the server has a write: the id of its transaction there. */
  committed(sequence: number, options?: WaitOptions): Promise<number | undefined>;
  /** Waits until the server has said of everything that is pending now whether it takes it. */
  flushed(options?: WaitOptions): Promise<number | undefined>;
  /** The writes that the server refused, the oldest first, as far as they are kept. */
  rejected(): Promise<Rejected[]>;
  /** Calls `callback` with each write that the server refuses, from now on. */
  onRejected(callback: (rejected: Rejected) => unknown): Observer;
  /** A refused write was seen to, and need not be kept. */
  forgetRejected(sequence: number): Promise<void>;
  /** A newer token. */
  authenticate(token: string): Promise<void>;
  /** Logs in with what a provider gave: the server asks the app's login hook, and its token is used from now on. */
  login(token: string, provider: string): Promise<{ userId: string; expires: Date }>;
  /** Who gives a newer token; null takes an earlier source away. */
  tokenSource(source: TokenSource | null): void;
}

/** A subscription: it is stored and outlives the process, until `cancel`. */
export declare class Subscription {
  private constructor();
  /** Ends it. Its documents stay. */
  cancel(): Promise<void>;
  /** Whether all its documents are here. */
  isComplete(): Promise<boolean>;
  /** Why the server does not take it, if it does not. */
  refused(): Promise<string | undefined>;
}
