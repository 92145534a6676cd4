/**
 * Changes of fields.
 *
 * Not here: what becomes of changes of several peers (docs/guides/small-peers.md).
 */
import { HeadwaterError } from './errors.js';
import { join, lookUp } from './paths.js';

/**
 * A change of a field, as a message has it.
 *
 * @typedef {{path: string, set?: any, increment?: number | bigint, attach?: object, unset?: true}} ChangeMessage
 */

/** Makes changes of fields. */
export class Change {
  /**
   * Replaces what stands at `path`.
   *
   * @param {string} path
   * @param {unknown} value
   * @returns {ChangeMessage}
   */
  static set(path, value) {
    if (value === undefined) {
      throw new HeadwaterError('invalid_value', `cannot set ${path} to undefined: unset it`);
    }
    return { path, set: value };
  }

  /**
   * Adds to the counter at `path`: increments of several peers all count.
   *
   * @param {string} path
   * @param {number | bigint} by
   * @returns {ChangeMessage}
   */
  static increment(path, by) {
    return { path, increment: by };
  }

  /**
   * Puts an attachment's token to `path`.
   *
   * @param {string} path
   * @param {object} token
   * @returns {ChangeMessage}
   */
  static attach(path, token) {
    return { path, attach: token };
  }

  /**
   * Takes away what stands at `path`.
   *
   * @param {string} path
   * @returns {ChangeMessage}
   */
  static unset(path) {
    return { path, unset: true };
  }
}

/** A document in a function that changes it. Reading it gives what it was before. */
export class MutableDocument {
  /**
   * @param {{[name: string]: any}} value
   */
  constructor(value) {
    this.value = value;
    /** @type {ChangeMessage[]} */
    this.changes = [];
  }

  /** Its id. */
  get id() {
    return this.value._id;
  }

  /**
   * The field at `path`, as in `address.city` or `tags[0]`.
   *
   * @param {string} path
   */
  at(path) {
    return new MutableField(this, path);
  }
}

/** A place in a MutableDocument. */
export class MutableField {
  #document;
  #path;

  /**
   * @param {MutableDocument} document
   * @param {string} path
   */
  constructor(document, path) {
    this.#document = document;
    this.#path = path;
  }

  /** What stood there before. */
  get value() {
    return lookUp(this.#document.value, this.#path);
  }

  /**
   * A field of what stands here, or an element.
   *
   * @param {string | number} step
   */
  at(step) {
    return new MutableField(this.#document, join(this.#path, step));
  }

  /**
   * @param {unknown} value
   */
  set(value) {
    this.#document.changes.push(Change.set(this.#path, value));
  }

  /**
   * @param {number | bigint} by
   */
  increment(by) {
    this.#document.changes.push(Change.increment(this.#path, by));
  }

  /**
   * Puts an attachment's token there.
   *
   * @param {object} token
   */
  attach(token) {
    this.#document.changes.push(Change.attach(this.#path, token));
  }

  /** Takes it away. */
  unset() {
    this.#document.changes.push(Change.unset(this.#path));
  }
}
