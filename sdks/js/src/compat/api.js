/**
 * What `headwater/compat` exports, on every platform: the vendor's names for the same things, so that an app changes its
 * import and where its server is.
 *
 * Not here: peers without a server, other identities.
 */
export { HeadwaterError as DittoError } from '../errors.js';
export { Attachment, AttachmentFetcher, AttachmentToken } from './attachments.js';
export { Authenticator } from './auth.js';
export {
  Collection, PendingCollectionsOperation, PendingCursorOperation, PendingIDSpecificOperation,
} from './collection.js';
export { DittoConfig } from './config.js';
export { Ditto, init } from './ditto.js';
export {
  Counter, Document, DocumentID, DocumentPath, MutableDocument, MutableDocumentPath, Register,
} from './documents.js';
export { LiveQuery, LiveQueryEvent, SingleDocumentLiveQueryEvent } from './events.js';
export { Logger } from './logger.js';
export { Presence } from './presence.js';
export { QueryResult, QueryResultItem, Store, StoreObserver } from './store.js';
export { Sync, SyncSubscription, SyncSubscription as Subscription } from './sync.js';
export { TransportConfig } from './transport.js';
export { UpdateResultsMap, WriteTransaction, WriteTransactionCollection } from './write.js';
