// `headwater/compat`: the vendor's names for the same things, so that an app changes its import and where its server is.
//
// Not here: peers without a server, other identities (README.md has the table).

import type { Code } from './codes.js';

/** The value of a document, with its `_id`. */
export type DocumentValue = { [field: string]: any };

/** What stands for the parameters of a statement or condition. */
export type DQLQueryArguments = { [name: string]: unknown };
export type QueryArguments = DQLQueryArguments;

export type SortDirection = 'ascending' | 'descending';
export type WriteStrategy = 'merge' | 'insertIfAbsent' | 'insertDefaultIfAbsent' | 'updateDifferentValues';

/** What is told, until it is stopped. */
export interface Observer {
  stop(): void;
  cancel(): void;
}

/** Why something was not done. */
export declare class DittoError extends Error {
  constructor(code: Code, message: string, options?: ErrorOptions);
  readonly name: string;
  readonly code: Code;
}

/** Loads what must be loaded before a peer is opened. */
export declare function init(): Promise<void>;

export type DittoConfigConnect =
  | { mode: 'server'; url?: string }
  | { mode: 'smallPeersOnly'; privateKey?: string };

/** What is opened. */
export declare class DittoConfig {
  /** `databaseID` is the app at the server; without a `url` the server is `HEADWATER_URL`'s, or this machine's. */
  constructor(databaseID: string, connect?: DittoConfigConnect, persistenceDirectory?: string);
  databaseID: string;
  connect: DittoConfigConnect;
  persistenceDirectory: string | undefined;
  /** DQL's strict mode. */
  strict: boolean;
  /** In PEM, of servers that made their own. */
  caCertificates: string[] | undefined;
}

export interface IdentityOnlinePlayground {
  type: 'onlinePlayground';
  /** The app at the server. */
  appID: string;
  /** A key of the server, or empty where none is needed. */
  token: string;
  /** Where the server is; otherwise it is `HEADWATER_URL`'s, or this machine's. */
  customAuthURL?: string;
  /** The vendor's cloud is not there, whether it is wanted or not. */
  enableDittoCloudSync?: boolean;
}

export interface IdentityOnlineWithAuthentication {
  type: 'onlineWithAuthentication';
  appID: string;
  authHandler: AuthenticationHandler;
  customAuthURL?: string;
  enableDittoCloudSync?: boolean;
}

/** Without a server. */
export interface IdentityOfflinePlayground {
  type: 'offlinePlayground';
  appID?: string;
  siteID?: number | bigint;
}

/** Without a server. */
export interface IdentityDevelopment {
  type: 'development';
  appName?: string;
  appID?: string;
  siteID?: number | bigint;
}

export type Identity =
  | IdentityOnlinePlayground | IdentityOnlineWithAuthentication | IdentityOfflinePlayground | IdentityDevelopment;

/** A small peer. */
export declare class Ditto {
  static readonly VERSION: string;
  /** Opens a peer. */
  static open(config: DittoConfig): Promise<Ditto>;
  /** Opens a peer in the older way. */
  constructor(identity: Identity, path?: string);
  readonly appID: string;
  readonly path: string;
  readonly persistenceDirectory: string;
  readonly absolutePersistenceDirectory: string;
  readonly store: Store;
  readonly sync: Sync;
  readonly auth: Authenticator;
  readonly presence: Presence;
  deviceName: string;
  readonly transportConfig: TransportConfig;
  readonly isSyncActive: boolean;
  readonly isActivated: boolean;
  readonly isClosed: boolean;
  startSync(): void;
  stopSync(): void;
  /** Closes the peer, and waits until its files are closed. */
  close(): Promise<void>;
  setOfflineOnlyLicenseToken(token?: string): void;
  disableSyncWithV2(): Promise<void>;
  disableSyncWithV3(): Promise<void>;
  runGarbageCollection(): Promise<void>;
  updateTransportConfig(update: (config: TransportConfig) => unknown): void;
  setTransportConfig(config: TransportConfig): void;
  observeTransportConditions(callback: (condition: string, source: string) => unknown): Observer;
  observePeers(callback: (peers: Peer[]) => unknown): Observer;
}

/** What stands in a document for a file. */
export declare class AttachmentToken {
  constructor(value: { id: string; len: number; metadata?: { [name: string]: string } });
  readonly id: string;
  readonly len: number;
  readonly metadata: { [name: string]: string };
  toJSON(): { id: string; len: number; metadata: { [name: string]: string } };
}

/** A file that is here. As a field of a document it is its token. */
export declare class Attachment {
  private constructor();
  readonly id: string;
  readonly len: number;
  readonly metadata: { [name: string]: string };
  readonly token: AttachmentToken;
  data(): Promise<Uint8Array>;
  getData(): Promise<Uint8Array>;
  copyToPath(path: string): Promise<void>;
  toJSON(): { id: string; len: number; metadata: { [name: string]: string } };
}

export type AttachmentFetchEvent =
  | { type: 'Completed'; attachment: Attachment }
  | { type: 'Progress'; downloadedBytes: number; totalBytes: number }
  | { type: 'Deleted' };

/** A fetch that is under way. */
export declare class AttachmentFetcher {
  private constructor();
  /** The file, or null if there is none or the fetch was stopped. */
  readonly attachment: Promise<Attachment | null>;
  readonly ended: boolean;
  stop(): void;
}

/** The documents of a peer. */
export declare class Store {
  private constructor();
  collection(name: string): Collection;
  collections(): PendingCollectionsOperation;
  collectionNames(): Promise<string[]>;
  readonly observers: StoreObserver[];
  execute(query: string, args?: DQLQueryArguments): Promise<QueryResult>;
  registerObserver(query: string, handler: (result: QueryResult) => unknown, args?: DQLQueryArguments): StoreObserver;
  registerObserverWithSignalNext(
    query: string, handler: (result: QueryResult, signalNext: () => void) => unknown, args?: DQLQueryArguments,
  ): StoreObserver;
  /** Takes a copy of a file, or of bytes, to be referred to from documents. Not in a browser. */
  newAttachment(pathOrData: string | Uint8Array, metadata?: { [name: string]: string }): Promise<Attachment>;
  /** Fetches the file that a token names. Without a network it waits for one. Not in a browser. */
  fetchAttachment(
    token: { id: string; len: number }, handler?: (event: AttachmentFetchEvent) => unknown,
  ): AttachmentFetcher;
  write(write: (transaction: WriteTransaction) => unknown): Promise<WriteTransactionResult[]>;
  transaction<T>(run: (transaction: DQLTransaction) => Promise<T> | T): Promise<T>;
}

/** Executes statements in a transaction. */
export interface DQLTransaction {
  execute(query: string, args?: DQLQueryArguments): Promise<QueryResult>;
}

/** What a statement came to. */
export declare class QueryResult {
  private constructor();
  readonly items: QueryResultItem[];
  mutatedDocumentIDs(): DocumentID[];
  mutatedDocumentIDsV2(): any[];
}

/** A row. */
export declare class QueryResultItem {
  private constructor();
  readonly value: any;
  readonly isMaterialized: boolean;
  materialize(): void;
  dematerialize(): void;
  jsonString(): string;
}

/** One who is told of a result. */
export declare class StoreObserver {
  private constructor();
  readonly queryString: string;
  readonly queryArguments: object | undefined;
  readonly isCancelled: boolean;
  cancel(): void;
}

/** A collection. */
export declare class Collection {
  private constructor();
  readonly name: string;
  upsert(value: DocumentValue, options?: { writeStrategy?: WriteStrategy }): Promise<DocumentID>;
  find(query: string, args?: QueryArguments): PendingCursorOperation;
  findAll(): PendingCursorOperation;
  /** As `store.newAttachment`. */
  newAttachment(pathOrData: string | Uint8Array, metadata?: { [name: string]: string }): Promise<Attachment>;
  /** As `store.fetchAttachment`. */
  fetchAttachment(
    token: { id: string; len: number }, handler?: (event: AttachmentFetchEvent) => unknown,
  ): AttachmentFetcher;
  findByID(id: unknown): PendingIDSpecificOperation;
}

/** Documents that match. */
export declare class PendingCursorOperation implements PromiseLike<Document[]> {
  private constructor();
  sort(path: string, direction?: SortDirection): PendingCursorOperation;
  limit(limit: number): PendingCursorOperation;
  offset(offset: number): PendingCursorOperation;
  exec(): Promise<Document[]>;
  then<T = Document[], R = never>(
    resolve?: ((value: Document[]) => T | PromiseLike<T>) | null, reject?: ((error: any) => R | PromiseLike<R>) | null,
  ): Promise<T | R>;
  update(change: (documents: MutableDocument[]) => unknown): Promise<UpdateResultsMap>;
  remove(): Promise<DocumentID[]>;
  evict(): Promise<DocumentID[]>;
  subscribe(): SyncSubscription;
  observeLocal(handler: (documents: Document[], event: LiveQueryEvent) => unknown): LiveQuery;
  observeLocalWithNextSignal(
    handler: (documents: Document[], event: LiveQueryEvent, signalNext: () => void) => unknown,
  ): LiveQuery;
}

/** A document that is named by its id. */
export declare class PendingIDSpecificOperation implements PromiseLike<Document | undefined> {
  private constructor();
  exec(): Promise<Document | undefined>;
  then<T = Document | undefined, R = never>(
    resolve?: ((value: Document | undefined) => T | PromiseLike<T>) | null,
    reject?: ((error: any) => R | PromiseLike<R>) | null,
  ): Promise<T | R>;
  update(change: (document: MutableDocument) => unknown): Promise<UpdateResult[]>;
  remove(): Promise<boolean>;
  evict(): Promise<boolean>;
  subscribe(): SyncSubscription;
  observeLocal(handler: (document: Document | undefined, event: SingleDocumentLiveQueryEvent) => unknown): LiveQuery;
  observeLocalWithNextSignal(
    handler: (document: Document | undefined, event: SingleDocumentLiveQueryEvent, signalNext: () => void) => unknown,
  ): LiveQuery;
}

/** The collections that have documents. */
export declare class PendingCollectionsOperation implements PromiseLike<Collection[]> {
  private constructor();
  exec(): Promise<Collection[]>;
  then<T = Collection[], R = never>(
    resolve?: ((value: Collection[]) => T | PromiseLike<T>) | null, reject?: ((error: any) => R | PromiseLike<R>) | null,
  ): Promise<T | R>;
}

/** The id of a document. */
export declare class DocumentID {
  constructor(value: any);
  value: any;
  isEqualTo(other: unknown): boolean;
  toString(): string;
  toQueryCompatibleString(): string;
  toJSON(): any;
}

/** A number to which several peers add. */
export declare class Counter {
  constructor(value?: number);
  value: number;
  toJSON(): number;
}

/** A value that is replaced as a whole. */
export declare class Register {
  constructor(value: any);
  value: any;
  toJSON(): any;
}

/** A document that was found. */
export declare class Document {
  constructor(value: DocumentValue);
  readonly id: DocumentID;
  readonly _id: any;
  readonly value: DocumentValue;
  at(path: string): DocumentPath;
}

/** A place in a document. */
export declare class DocumentPath {
  private constructor();
  readonly value: any;
  readonly counter: Counter | null;
  readonly register: Register | null;
  /** The token of an attachment there, if there is one. */
  readonly attachmentToken: AttachmentToken | null;
  at(step: string | number): DocumentPath;
}

/** A document in a function that changes it: `document.at('age').set(32)`, or `document.age = 32`. */
export declare class MutableDocument {
  private constructor();
  readonly id: DocumentID;
  readonly _id: any;
  readonly value: DocumentValue;
  at(path: string): MutableDocumentPath;
  [field: string]: any;
}

/** A place in a document that may be changed. */
export declare class MutableDocumentPath {
  private constructor();
  readonly value: any;
  readonly counter: { readonly value: any; increment(by: number): void };
  readonly register: { readonly value: any; set(value: unknown): void };
  at(step: string | number): MutableDocumentPath;
  set(value: unknown): void;
  remove(): void;
  increment(by: number): void;
  replaceWithCounter(): void;
}

/** A change that was made. */
export interface UpdateResult {
  type: string;
  docID: DocumentID;
  path: string;
  value?: any;
  amount?: number | bigint;
}

/** Which changes were made, by documents. */
export declare class UpdateResultsMap {
  get(id: unknown): UpdateResult[];
  keys(): DocumentID[];
}

/** What is different from the documents before. */
export declare class LiveQueryEvent {
  private constructor();
  readonly isInitial: boolean;
  readonly oldDocuments: Document[];
  readonly insertions: number[];
  readonly deletions: number[];
  readonly updates: number[];
  readonly moves: { from: number; to: number }[];
}

/** The same of one document. */
export declare class SingleDocumentLiveQueryEvent {
  private constructor();
  readonly isInitial: boolean;
  readonly oldDocument: Document | undefined;
}

/** One who is told of documents. */
export declare class LiveQuery {
  private constructor();
  readonly isStopped: boolean;
  stop(): void;
  cancel(): void;
}

/** What was written of a document. */
export interface WriteTransactionResult {
  type: 'inserted' | 'updated' | 'removed';
  docID: DocumentID;
  collectionName: string;
}

/** Writes that are committed together, or not at all. */
export declare class WriteTransaction {
  private constructor();
  scoped(name: string): WriteTransactionCollection;
}

/** A collection in a write transaction. */
export declare class WriteTransactionCollection {
  private constructor();
  upsert(value: DocumentValue, options?: { writeStrategy?: WriteStrategy }): Promise<DocumentID>;
  find(query: string, args?: QueryArguments): WriteTransactionPendingCursorOperation;
  findAll(): WriteTransactionPendingCursorOperation;
  findByID(id: unknown): WriteTransactionPendingIDSpecificOperation;
}

/** Documents in a write transaction. */
export interface WriteTransactionPendingCursorOperation extends PromiseLike<Document[]> {
  sort(path: string, direction?: SortDirection): WriteTransactionPendingCursorOperation;
  limit(limit: number): WriteTransactionPendingCursorOperation;
  offset(offset: number): WriteTransactionPendingCursorOperation;
  exec(): Promise<Document[]>;
  update(change: (documents: MutableDocument[]) => unknown): Promise<UpdateResultsMap>;
  remove(): Promise<DocumentID[]>;
}

/** A document in a write transaction. */
export interface WriteTransactionPendingIDSpecificOperation extends PromiseLike<Document | undefined> {
  exec(): Promise<Document | undefined>;
  update(change: (document: MutableDocument) => unknown): Promise<UpdateResult[]>;
  remove(): Promise<boolean>;
}

/** Subscriptions, and sync on and off. */
export declare class Sync {
  private constructor();
  readonly isActive: boolean;
  start(): void;
  stop(): void;
  registerSubscription(query: string, args?: DQLQueryArguments): SyncSubscription;
}

/** A subscription: it is stored and outlives the process, until `cancel`. */
export declare class SyncSubscription {
  private constructor();
  readonly queryString: string;
  readonly queryArguments: object | undefined;
  readonly isCancelled: boolean;
  cancel(): void;
}
export { SyncSubscription as Subscription };

export interface AuthenticationStatus {
  isAuthenticated: boolean;
  userID: string | null;
}

export interface AuthenticationHandler {
  authenticationRequired(authenticator: Authenticator): unknown;
  authenticationExpiringSoon?(authenticator: Authenticator, secondsRemaining: number): unknown;
}

/** Gives the server tokens. */
export declare class Authenticator {
  private constructor();
  static readonly DEVELOPMENT_PROVIDER: string;
  readonly loginSupported: boolean;
  readonly status: AuthenticationStatus;
  login(token: string, provider?: string): Promise<{ clientInfo: string | null; error: DittoError | null }>;
  loginWithToken(token: string, provider?: string): Promise<void>;
  loginWithUsernameAndPassword(username: string, password: string, provider?: string): Promise<void>;
  logout(cleanUp?: (ditto: Ditto) => unknown): Promise<void>;
  setExpirationHandler(
    handler: ((ditto: Ditto, secondsUntilExpiration: number) => unknown) | null,
  ): Promise<void>;
  observeStatus(callback: (status: AuthenticationStatus) => unknown): Observer;
}

export interface Peer {
  peerKey: string;
  peerKeyString: string;
  deviceName: string;
  os: string;
  isConnectedToDittoCloud: boolean;
  isConnectedToDittoServer: boolean;
  isCompatible: boolean;
  connections: object[];
  peerMetadata: object;
  identityServiceMetadata: object;
}

export interface PresenceGraph {
  localPeer: Peer;
  remotePeers: Peer[];
}

/** Who is there: this peer and whether it has the server. Peers do not know of each other. */
export declare class Presence {
  private constructor();
  readonly graph: PresenceGraph;
  readonly peerMetadata: object;
  setPeerMetadata(metadata: object): Promise<void>;
  observe(callback: (graph: PresenceGraph) => unknown): Observer;
}

/** How peers would find each other: kept, and without meaning here. */
export declare class TransportConfig {
  peerToPeer: {
    bluetoothLE: { isEnabled: boolean };
    awdl: { isEnabled: boolean };
    lan: { isEnabled: boolean; isMdnsEnabled: boolean; isMulticastEnabled: boolean };
    wifiAware: { isEnabled: boolean };
  };
  connect: { tcpServers: string[]; websocketURLs: string[]; retryInterval: number };
  listen: {
    tcp: { isEnabled: boolean; interfaceIP: string; port: number };
    http: { isEnabled: boolean; interfaceIP: string; port: number; websocketSync: boolean };
  };
  global: { syncGroup: number; routingHint: number };
  setAllPeerToPeerEnabled(isEnabled: boolean): void;
  setAvailablePeerToPeerEnabled(isEnabled: boolean): void;
  freeze(): TransportConfig;
  copy(): TransportConfig;
}

export type LogLevel = 'Error' | 'Warning' | 'Info' | 'Debug' | 'Verbose';

/** Prints what apps log; the library says nothing by itself. */
export declare class Logger {
  private constructor();
  static enabled: boolean;
  static emojiLogLevelHeadingsEnabled: boolean;
  static minimumLogLevel: LogLevel;
  static setCustomLogCallback(callback: ((level: LogLevel, message: string) => void) | undefined): Promise<void>;
  static setLogFile(path?: string): Promise<void>;
  static setLogFileURL(url?: URL): Promise<void>;
  static log(level: LogLevel, message: string): void;
  static error(message: string): void;
  static warning(message: string): void;
  static info(message: string): void;
  static debug(message: string): void;
  static verbose(message: string): void;
}
