/**
 * Documents and their ids, by the vendor's names.
 */
import { Change } from '../change.js';
import { HeadwaterError } from '../errors.js';
import { join, lookUp } from '../paths.js';
import { Attachment, AttachmentToken } from './attachments.js';

/** @typedef {import('../change.js').ChangeMessage} ChangeMessage */

/** Where a document keeps its changes: no field has this name. */
export const CHANGES = Symbol('changes');

/** The id of a document: any JSON but null, a string most of the time. */
export class DocumentID {
  /**
   * @param {any} value
   */
  constructor(value) {
    this.value = value instanceof DocumentID ? value.value : value;
  }

  /**
   * Whether another is the same.
   *
   * @param {unknown} other
   */
  isEqualTo(other) {
    return this.toQueryCompatibleString() === new DocumentID(other).toQueryCompatibleString();
  }

  /** A string is itself, everything else is JSON. */
  toString() {
    return typeof this.value === 'string' ? this.value : this.toQueryCompatibleString();
  }

  /** As a query takes it. */
  toQueryCompatibleString() {
    return JSON.stringify(this.value, (_, it) => (typeof it === 'bigint' ? Number(it) : it));
  }

  /** As a document or an argument takes it. */
  toJSON() {
    return this.value;
  }

  /** As Node.js prints it. */
  [Symbol.for('nodejs.util.inspect.custom')]() {
    return this.toString();
  }
}

/**
 * The value of an id that may be a DocumentID.
 *
 * @param {unknown} id
 */
export function idValue(id) {
  return id instanceof DocumentID ? id.value : id;
}

/** A number to which several peers add. In an upsert or a `set` it makes a counter that begins with `value`. */
export class Counter {
  /**
   * @param {number} [value]
   */
  constructor(value = 0) {
    this.value = value;
  }

  /** As a document has it. */
  toJSON() {
    return this.value;
  }
}

/** A value that is replaced as a whole. In an upsert it says so of an object. */
export class Register {
  /**
   * @param {any} value
   */
  constructor(value) {
    this.value = value;
  }

  /** As a document has it. */
  toJSON() {
    return this.value;
  }
}

/**
 * Whether a value is a token of an attachment, or has one.
 *
 * @param {unknown} value
 * @returns {value is Attachment | AttachmentToken}
 */
function isAttachment(value) {
  return value instanceof Attachment || value instanceof AttachmentToken;
}

/**
 * What kinds of fields a value says that it has: counters, registers and attachments.
 *
 * @param {any} value
 * @param {string} [path]
 * @param {{[path: string]: 'counter' | 'register' | 'attachment'}} [types]
 */
export function typesOf(value, path = '', types = {}) {
  if (value instanceof Counter) {
    types[path] = 'counter';
  } else if (value instanceof Register) {
    types[path] = 'register';
  } else if (isAttachment(value)) {
    types[path] = 'attachment';
  } else if (Object.prototype.toString.call(value) === '[object Object]' && path.length < 1024) {
    for (const name of Object.keys(value)) {
      typesOf(value[name], join(path, name), types);
    }
  }
  return types;
}

/** A document that was found. */
export class Document {
  /**
   * @param {{[name: string]: any}} value its fields, with its `_id`
   */
  constructor(value) {
    this.value = value;
  }

  /** Its id. */
  get id() {
    return new DocumentID(this.value._id);
  }

  /** The value of its id. */
  get _id() {
    return this.value._id;
  }

  /**
   * A place in it.
   *
   * @param {string} path
   */
  at(path) {
    return new DocumentPath(this, path);
  }
}

/** A place in a document. */
export class DocumentPath {
  #document;
  #path;

  /**
   * @param {Document} document
   * @param {string} path
   */
  constructor(document, path) {
    this.#document = document;
    this.#path = path;
  }

  /** What stands there. */
  get value() {
    return lookUp(this.#document.value, this.#path);
  }

  /** The counter there, if it is a number. */
  get counter() {
    return typeof this.value === 'number' ? new Counter(this.value) : null;
  }

  /** The token of an attachment there, if there is one. */
  get attachmentToken() {
    return typeof this.value?.id === 'string' && typeof this.value.len === 'number' ? new AttachmentToken(this.value) : null;
  }

  /** The register there, if something is. */
  get register() {
    return this.value === undefined ? null : new Register(this.value);
  }

  /**
   * A field of what stands here, or an element.
   *
   * @param {string | number} step
   */
  at(step) {
    return new DocumentPath(this.#document, join(this.#path, step));
  }
}

/**
 * A document in a function that changes it: `document.at('age').set(32)`, or `document.age = 32`. Reading a field gives
 * what it was before.
 */
export class MutableDocument {
  /**
   * @param {{[name: string]: any}} value
   */
  constructor(value) {
    this.value = value;
    /** @type {ChangeMessage[]} */
    this[CHANGES] = [];
    return /** @type {this} */ (fieldsOf(value, '', this[CHANGES], this));
  }

  /** Its id. */
  get id() {
    return new DocumentID(this.value._id);
  }

  /** The value of its id. */
  get _id() {
    return this.value._id;
  }

  /**
   * A place in it.
   *
   * @param {string} path
   */
  at(path) {
    return new MutableDocumentPath(this.value, this[CHANGES], path);
  }
}

/** A place in a document that may be changed. */
export class MutableDocumentPath {
  #value;
  #changes;
  #path;

  /**
   * @param {any} value of the document
   * @param {ChangeMessage[]} changes
   * @param {string} path
   */
  constructor(value, changes, path) {
    this.#value = value;
    this.#changes = changes;
    this.#path = path;
  }

  /** What stood there before. */
  get value() {
    return lookUp(this.#value, this.#path);
  }

  /** The counter there. */
  get counter() {
    const increment = (/** @type {number} */ by) => this.increment(by);
    return { value: this.value, increment };
  }

  /** The register there. */
  get register() {
    const set = (/** @type {unknown} */ value) => this.set(value);
    return { value: this.value, set };
  }

  /**
   * A field of what stands here, or an element.
   *
   * @param {string | number} step
   */
  at(step) {
    return new MutableDocumentPath(this.#value, this.#changes, join(this.#path, step));
  }

  /**
   * Replaces what stands there.
   *
   * @param {unknown} value
   */
  set(value) {
    setField(this.#changes, this.#path, value);
  }

  /** Takes away what stands there. */
  remove() {
    this.#changes.push(Change.unset(this.#path));
  }

  /**
   * Adds to the counter there.
   *
   * @param {number} by
   */
  increment(by) {
    this.#changes.push(Change.increment(this.#path, by));
  }

  /** Makes a counter of the number there, or one that begins with 0. */
  replaceWithCounter() {
    this.increment(0);
  }
}

/**
 * @param {ChangeMessage[]} changes
 * @param {string} path
 * @param {unknown} value
 */
function setField(changes, path, value) {
  if (isAttachment(value)) {
    changes.push(Change.attach(path, value));
    return;
  }
  changes.push(Change.set(path, value));
  if (value instanceof Counter) {
    changes.push(Change.increment(path, 0));
  }
}

/**
 * An object whose fields may be set and deleted, each of which is a change. What `own` has is its own.
 *
 * @param {any} value
 * @param {string} path
 * @param {ChangeMessage[]} changes
 * @param {object} [own]
 * @returns {any}
 */
function fieldsOf(value, path, changes, own) {
  const isOwn = (/** @type {string | symbol} */ name) => typeof name === 'symbol' || (own && name in own);
  const refuse = (/** @type {string} */ name) => {
    throw new HeadwaterError('invalid_value', `a document's ${name} cannot be changed`);
  };
  return new Proxy(own ?? value, {
    get(target, name) {
      if (isOwn(name)) {
        return Reflect.get(target, name, target);
      }
      const field = Object.hasOwn(value, name) ? value[name] : undefined;
      const isObject = typeof field === 'object' && field !== null && !Array.isArray(field);
      return isObject ? fieldsOf(field, join(path, String(name)), changes) : frozen(field);
    },
    set(_, name, newer) {
      if (isOwn(name)) {
        refuse(String(name));
      }
      setField(changes, join(path, String(name)), newer);
      return true;
    },
    deleteProperty(_, name) {
      if (isOwn(name)) {
        refuse(String(name));
      }
      changes.push(Change.unset(join(path, String(name))));
      return true;
    },
  });
}

/**
 * An array can only be replaced.
 *
 * @param {any} field
 */
function frozen(field) {
  return Array.isArray(field) ? Object.freeze([...field]) : field;
}
