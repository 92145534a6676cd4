/**
 * Loads the native library.
 *
 * Not here: how it is built (`scripts/build.js`).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * A peer of the native library. Messages are text. Answers and events wait until they are drained; `wake` is called in
 * the thread of JavaScript when there are some.
 *
 * @typedef {object} NativePeer
 * @property {(request: string) => string} callNow waits in this thread
 * @property {(number: number, request: string) => void} call its answer comes with the number
 * @property {(number: number, request: string, isEachTold: boolean) => number | string} subscribe events come with the
 *   number; gives the watch, or the error as text. Unless each is told the newest takes the place of one that waits
 * @property {(number: number, watch: number) => void} unsubscribe
 * @property {(number: number) => void} close its answer comes with the number
 * @property {() => (number | string)[]} drain numbers and texts, in turn
 *
 * @typedef {object} Native
 * @property {{open: (config: string, wake: () => void) => NativePeer}} Peer `open` throws an error whose message is
 *   the answer
 */

/** @type {Native | undefined} */
let loaded;

/** The native library. */
export function native() {
  loaded ??= load();
  return loaded;
}

/** @returns {Native} */
function load() {
  const file = fileURLToPath(new URL('../../native/headwater.node', import.meta.url));
  if (!existsSync(file)) {
    throw new Error(`headwater is not built: ${file} is missing. \`npm rebuild headwater\` builds it; it needs Rust.`);
  }
  return createRequire(import.meta.url)(file);
}
