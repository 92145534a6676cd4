/**
 * What observers of the legacy language are told, by the vendor's names.
 */
import { difference } from '../difference.js';
import { callOut } from '../errors.js';
import { observe } from '../observer.js';
import { Document } from './documents.js';

/** @typedef {import('../port.js').Port} Port */

/** What is different from the documents before. Places of deletions are in `oldDocuments`. */
export class LiveQueryEvent {
  /**
   * @param {import('../difference.js').LocalEvent} event
   */
  constructor(event) {
    this.isInitial = event.isInitial;
    this.oldDocuments = event.oldDocuments.map((it) => new Document(it));
    this.insertions = event.insertions;
    this.deletions = event.deletions;
    this.updates = event.updates;
    this.moves = event.moves.map(([from, to]) => ({ from, to }));
  }
}

/** The same of one document. */
export class SingleDocumentLiveQueryEvent {
  /**
   * @param {boolean} isInitial
   * @param {Document | undefined} oldDocument
   */
  constructor(isInitial, oldDocument) {
    this.isInitial = isInitial;
    this.oldDocument = oldDocument;
  }
}

/** One who is told of documents. */
export class LiveQuery {
  #observer;

  /**
   * @param {import('../observer.js').Observer} observer
   */
  constructor(observer) {
    this.#observer = observer;
  }

  /** Whether it was ended. */
  get isStopped() {
    return this.#observer.isCancelled;
  }

  /** Ends it. */
  stop() {
    this.#observer.cancel();
  }

  /** The same. */
  cancel() {
    this.#observer.cancel();
  }
}

/**
 * Has `tell` called with each event, but not before it said by `next` that it is done with the one before. What comes
 * meanwhile is told once.
 *
 * @param {Port} port
 * @param {import('../port.js').Message} request
 * @param {(event: any, next: () => void) => unknown} tell
 */
export function observePaced(port, request, tell) {
  /** @type {any} */
  let waiting;
  let isBusy = false;
  const go = () => {
    if (isBusy || waiting === undefined || observer?.isCancelled) {
      return;
    }
    const event = waiting;
    let isDone = false;
    isBusy = true;
    waiting = undefined;
    callOut(() => tell(event, () => {
      if (!isDone) {
        isDone = true;
        isBusy = false;
        queueMicrotask(go);
      }
    }));
  };
  /** @type {import('../observer.js').Observer | undefined} */
  const observer = observe(port, request, (event) => {
    waiting = event;
    go();
  });
  return observer;
}

/**
 * Observes documents of the legacy language.
 *
 * @param {Port} port
 * @param {import('../port.js').Message} request
 * @param {(documents: Document[], event: LiveQueryEvent, next: () => void) => unknown} handler
 * @param {boolean} isPaced whether it waits for `next`
 */
export function observeLocal(port, request, handler, isPaced) {
  /** @type {any[] | undefined} */
  let before;
  const tell = (/** @type {any} */ event, /** @type {() => void} */ next) => {
    const change = new LiveQueryEvent(difference(before, event.documents));
    before = event.documents;
    return handler(event.documents.map((/** @type {any} */ it) => new Document(it)), change, next);
  };
  const watch = { watch: 'find', ...request };
  return new LiveQuery(isPaced ? observePaced(port, watch, tell) : observe(port, watch, (it) => tell(it, () => {})));
}
