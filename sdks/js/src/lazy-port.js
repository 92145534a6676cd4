/**
 * A port that is still being opened: calls wait for it.
 *
 * Invariants: calls reach the port in their order; if it cannot be opened, everything fails with the reason.
 */
import { HeadwaterError } from './errors.js';

/** @typedef {import('./port.js').Port} Port */

/**
 * @param {Promise<Port>} opening
 * @returns {Port}
 */
export function lazyPort(opening) {
  opening.catch(() => {}); // whoever calls is told
  return {
    async call(request) {
      return (await opening).call(request);
    },
    subscribe(request, onEvent) {
      /** @type {import('./port.js').Watch | undefined} */
      let watch;
      let isCancelled = false;
      const place = (/** @type {Port} */ port) => {
        if (!isCancelled) {
          watch = port.subscribe(request, onEvent);
        }
      };
      const fail = (/** @type {unknown} */ error) => {
        if (!isCancelled) {
          onEvent({ error: asMessage(error) });
        }
      };
      opening.then(place).catch(fail);
      return {
        cancel() {
          isCancelled = true;
          watch?.cancel();
        },
      };
    },
    async close() {
      await (await opening).close();
    },
  };
}

/**
 * @param {unknown} error
 */
function asMessage(error) {
  const code = error instanceof HeadwaterError ? error.code : 'internal';
  return { code, message: error instanceof Error ? error.message : String(error) };
}
