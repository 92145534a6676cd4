/**
 * What `headwater` exports, on every platform.
 */
export { Attachment, AttachmentToken } from './attachments.js';
export { ByID, Collection } from './collection.js';
export { Change, MutableDocument, MutableField } from './change.js';
export { codes } from './codes.js';
export { HeadwaterError } from './errors.js';
export { Find } from './find.js';
export { Headwater } from './headwater.js';
export { Observer } from './observer.js';
export { Store } from './store.js';
export { Subscription, Sync } from './sync.js';
export { Transaction, TransactionCollection } from './transaction.js';
export { Executed, Written } from './written.js';
