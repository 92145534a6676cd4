/**
 * Messages as JSON text, and what of JavaScript can be in one.
 *
 * Invariants: what cannot be kept as it is (a cycle, NaN, a Map, …) is an `invalid_value`, never something else in
 * silence; an integer of 64 bits arrives as it was sent, as a BigInt where a number could not hold it; a number that is
 * no exact integer arrives as one that is none.
 * Not here: which documents a peer takes.
 */
import { HeadwaterError } from './errors.js';

/** How deep a message may be: deeper than any document may. */
const DEPTH_MAX = 120;

const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 64n - 1n;

/**
 * A request as text.
 *
 * @param {{[name: string]: any}} request
 * @returns {string}
 */
export function encode(request) {
  const isPlain = check(request, '', 0);
  const text = isPlain ? JSON.stringify(request) : write(request, '');
  // JSON writes half of a surrogate pair as an escape, which is no Unicode.
  if (text.includes('\\ud') && /(^|[^\\])(\\\\)*\\ud[89a-f]/.test(text)) {
    throw invalid('text with half of a surrogate pair is no Unicode');
  }
  return text;
}

/**
 * An answer or an event of its text.
 *
 * @param {string} text
 * @returns {any}
 */
export function decode(text) {
  return /\d{16}/.test(text) ? decodeWithCare(text) : JSON.parse(text);
}

/**
 * @param {string} why
 */
function invalid(why) {
  return new HeadwaterError('invalid_value', `cannot take the value: ${why}`);
}

/**
 * Looks at everything in a value. Whether JSON.stringify says it as it is.
 *
 * @param {unknown} value
 * @param {string} key of the value in what holds it
 * @param {number} depth
 * @returns {boolean}
 */
function check(value, key, depth) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return true;
    case 'number':
      if (!Number.isFinite(value)) {
        throw invalid(`${value} at ${shown(key)} is no number of JSON`);
      }
      return !looksExact(value);
    case 'bigint':
      if (value < INTEGER_MIN || value > INTEGER_MAX) {
        throw invalid(`${value} at ${shown(key)} has more than 64 bits`);
      }
      return false;
    case 'object':
      return value === null || checkObject(value, key, depth);
    default:
      throw invalid(`a ${typeof value} stands at ${shown(key)}`);
  }
}

/**
 * Whether JSON.stringify writes a number as an integer that it need not be: it pads its digits with zeros.
 *
 * @param {number} value
 */
function looksExact(value) {
  return Math.abs(value) > Number.MAX_SAFE_INTEGER && Math.abs(value) < 1e21;
}

/**
 * @param {object} object
 * @param {string} key
 * @param {number} depth
 * @returns {boolean}
 */
function checkObject(object, key, depth) {
  if (depth > DEPTH_MAX) {
    throw invalid('it is too deep, or holds itself');
  }
  if (Array.isArray(object)) {
    let isPlain = true;
    for (let n = 0; n < object.length; n++) {
      isPlain = check(object[n], key, depth + 1) && isPlain;
    }
    return isPlain;
  }
  if ('toJSON' in object && typeof object.toJSON === 'function') {
    return check(asJson(object, key), key, depth + 1);
  }
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    const unboxed = unbox(object);
    if (unboxed !== object) {
      return check(unboxed, key, depth + 1);
    }
    const kind = Object.prototype.toString.call(object);
    if (kind !== '[object Object]') {
      throw invalid(`a ${kind.slice(8, -1)} stands at ${shown(key)}`);
    }
  }
  let isPlain = true;
  const fields = /** @type {{[name: string]: unknown}} */ (object);
  for (const name of Object.keys(fields)) {
    isPlain = check(fields[name], name, depth + 1) && isPlain;
  }
  return isPlain;
}

/**
 * What an object's own `toJSON` makes of it.
 *
 * @param {any} object
 * @param {string} key
 */
function asJson(object, key) {
  if (object instanceof Date && Number.isNaN(object.getTime())) {
    throw invalid(`the date at ${shown(key)} is none`);
  }
  return object.toJSON(key);
}

/**
 * @param {object} object
 */
function unbox(object) {
  const isBox = object instanceof Number || object instanceof String || object instanceof Boolean;
  return isBox || object instanceof BigInt ? object.valueOf() : object;
}

/**
 * As JSON.stringify, but integers may be BigInts, and large numbers have an exponent. The value was looked at.
 *
 * @param {any} value
 * @param {string} key
 * @returns {string}
 */
function write(value, key) {
  if (typeof value === 'bigint') {
    return value.toString();
  }
  if (typeof value === 'number' && looksExact(value)) {
    return value.toExponential();
  }
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value) ?? 'null';
  }
  if (Array.isArray(value)) {
    return `[${Array.from(value, (it) => write(it, key)).join(',')}]`;
  }
  if (typeof value.toJSON === 'function') {
    return write(value.toJSON(key), key);
  }
  const unboxed = unbox(value);
  if (unboxed !== value) {
    return write(unboxed, key);
  }
  const fields = Object.keys(value).filter((name) => value[name] !== undefined);
  return `{${fields.map((name) => `${JSON.stringify(name)}:${write(value[name], name)}`).join(',')}}`;
}

/**
 * Text in which there may be an integer that a number cannot hold.
 *
 * @param {string} text
 */
function decodeWithCare(text) {
  let mark = '\u0000';
  while (text.includes(JSON.stringify(mark).slice(1, -1))) {
    mark += '\u0000';
  }
  let isMarked = false;
  const marked = text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g, (token) => {
    if (token[0] === '"' || !/^-?\d{16,20}$/.test(token) || Number.isSafeInteger(Number(token))) {
      return token;
    }
    isMarked = true;
    return JSON.stringify(mark + token);
  });
  if (!isMarked) {
    return JSON.parse(text);
  }
  const unmark = (/** @type {string} */ _, /** @type {unknown} */ it) =>
    typeof it === 'string' && it.startsWith(mark) ? BigInt(it.slice(mark.length)) : it;
  return JSON.parse(marked, unmark);
}

/**
 * @param {string} key
 */
function shown(key) {
  return key === '' ? 'the top' : JSON.stringify(key);
}
