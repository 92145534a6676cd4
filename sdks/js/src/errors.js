/**
 * Why something was not done: the one class of errors, with a code of `sdks/calls.json`.
 *
 * Not here: which code a fault has (the library behind the port says that).
 */

/** @typedef {keyof typeof import('./codes.js').codes} ErrorCode */

/** Why something was not done. `code` says it for programs, `message` for people. */
export class HeadwaterError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'HeadwaterError';
    this.code = code;
  }
}

/**
 * The error that an answer or an event has.
 *
 * @param {{code: string, message: string}} error
 */
export function errorOf(error) {
  return new HeadwaterError(/** @type {ErrorCode} */ (error.code), error.message);
}

/**
 * Throws where nobody catches it, as an exception in any other callback: the host reports it as uncaught.
 *
 * @param {unknown} error
 */
export function throwUncaught(error) {
  queueMicrotask(() => {
    throw error;
  });
}

/**
 * Runs what an app gave to be called. What it throws, or what its promise is rejected with, is reported as uncaught
 * and harms nobody else.
 *
 * @param {() => unknown} callback
 */
export function callOut(callback) {
  try {
    const given = callback();
    if (given instanceof Promise) {
      given.catch(throwUncaught);
    }
  } catch (error) {
    throwUncaught(error);
  }
}
