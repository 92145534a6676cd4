/**
 * What a request is, as far as the way to the core must know: whether it may go while a transaction is open, and
 * whether it can be asked again when a tab went away.
 *
 * Not here: what a request means (`peer-calls`).
 */
import { encode } from '../values.js';

/** @typedef {import('../port.js').Message} Message */

/**
 * What a request wishes of sync, for as long as the page is there.
 *
 * @typedef {{isSyncWanted?: boolean, token?: string}} Wish
 */

/**
 * A request on its way.
 *
 * @typedef {object} Asked
 * @property {'read' | 'write' | 'step'} kind
 * @property {string} message
 * @property {Wish} wish
 */

/** Those that change no documents: they wait for no transaction, and are harmless twice. */
const HARMLESS = new Set([
  'echo',
  'info',
  'find',
  'find_by_id',
  'state',
  'rejected',
  'subscription',
  'start_sync',
  'stop_sync',
  'authenticate',
  'login',
  'committed',
  'flushed',
]);

/**
 * A request as it goes on its way.
 *
 * @param {Message} request
 * @returns {Asked}
 */
export function asked(request) {
  return { kind: kindOf(request), message: encode(request), wish: wishOf(request) };
}

/**
 * @param {Message} request
 * @returns {Wish}
 */
function wishOf({ call, token }) {
  switch (call) {
    case 'start_sync':
      return { isSyncWanted: true };
    case 'stop_sync':
      return { isSyncWanted: false };
    case 'authenticate':
      return { token };
    default:
      return {};
  }
}

/**
 * `step`: a part of a transaction, or its end; `write`: what changes something; `read`: all else.
 *
 * @param {Message} request
 * @returns {'read' | 'write' | 'step'}
 */
function kindOf(request) {
  if (request.transaction !== undefined) {
    return 'step';
  }
  const isSelect = request.call === 'execute' && /^\s*select\s/i.test(request.statement);
  return isSelect || HARMLESS.has(request.call) ? 'read' : 'write';
}
