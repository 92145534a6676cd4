/**
 * Those who are told: by a callback, or by an async iterator.
 *
 * Invariants: the current result comes first; what changes while nobody looks is told once; after `cancel` returned
 * no callback runs; an exception of a callback harms nobody but is reported as uncaught.
 */
import { callOut, errorOf, throwUncaught } from './errors.js';

/** @typedef {import('./port.js').Port} Port */
/** @typedef {import('./port.js').Message} Message */

/** One who is called. It ends with `cancel`, with the peer, or with the process. */
export class Observer {
  #watch;
  #isCancelled = false;

  /**
   * @param {import('./port.js').Watch} watch
   */
  constructor(watch) {
    this.#watch = watch;
  }

  /** Whether it was ended by `cancel`. */
  get isCancelled() {
    return this.#isCancelled;
  }

  /** Ends it: after this has returned its callback does not run. */
  cancel() {
    this.#isCancelled = true;
    this.#watch.cancel();
  }
}

/**
 * Has `tell` called with each event. One that is an error goes to `onError`, or is reported as uncaught.
 *
 * @param {Port} port
 * @param {Message} request
 * @param {(event: any) => void} tell
 * @param {((error: import('./errors.js').HeadwaterError) => void)=} onError
 */
export function observe(port, request, tell, onError) {
  const watch = port.subscribe(request, (event) => {
    if (!event.error) {
      callOut(() => tell(event));
    } else if (event.error.code !== 'closed') {
      const error = errorOf(event.error);
      onError ? callOut(() => onError(error)) : throwUncaught(error);
    }
  });
  return new Observer(watch);
}

/**
 * Events as an async iterator: each loop over it is one who is told, from the current result on, until it is left.
 * It throws an event that is an error, and ends when the peer is closed.
 *
 * @template T
 */
export class Events {
  #port;
  #request;
  #read;

  /**
   * @param {Port} port
   * @param {Message} request
   * @param {(event: any) => T} read
   */
  constructor(port, request, read) {
    this.#port = port;
    this.#request = request;
    this.#read = read;
  }

  /** @returns {AsyncGenerator<T, void, undefined>} */
  async *[Symbol.asyncIterator]() {
    /** @type {any} */
    let event;
    let wake = () => {};
    const watch = this.#port.subscribe(this.#request, (newest) => {
      event = newest;
      wake();
    });
    try {
      for (;;) {
        if (event === undefined) {
          const release = this.#port.hold?.();
          await new Promise((resolve) => {
            wake = () => resolve(undefined);
          });
          release?.();
        }
        const newest = event;
        event = undefined;
        if (newest.error?.code === 'closed') {
          return;
        }
        if (newest.error) {
          throw errorOf(newest.error);
        }
        yield this.#read(newest);
      }
    } finally {
      watch.cancel();
    }
  }
}
