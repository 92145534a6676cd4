/**
 * What is different between two results of one query.
 *
 * Invariants: documents are told apart by their ids; places of deletions are in the older result, all others in the
 * newer one.
 */

/**
 * @typedef {{[name: string]: any}} Document
 *
 * @typedef {object} LocalEvent
 * @property {boolean} isInitial whether this is the first result: everything is new then, and nothing is named below
 * @property {Document[]} oldDocuments the documents of the result before
 * @property {number[]} insertions places of new documents in this result
 * @property {number[]} deletions places of documents in the result before that are not in this one
 * @property {number[]} updates places of documents in this result that were in the one before, and are others now
 * @property {[number, number][]} moves from and to where documents moved
 */

/**
 * @param {Document[] | undefined} before
 * @param {Document[]} documents
 * @returns {LocalEvent}
 */
export function difference(before, documents) {
  /** @type {LocalEvent} */
  const event = {
    isInitial: before === undefined, oldDocuments: before ?? [], insertions: [], deletions: [], updates: [], moves: [],
  };
  if (before === undefined) {
    return event;
  }
  const [old, now] = [places(before), places(documents)];
  for (const [id, place] of now) {
    const from = old.get(id);
    if (from === undefined) {
      event.insertions.push(place);
      continue;
    }
    if (!isSame(before[from], documents[place])) {
      event.updates.push(place);
    }
    if (from !== place) {
      event.moves.push([from, place]);
    }
  }
  event.deletions = [...old].filter(([id]) => !now.has(id)).map(([, place]) => place);
  event.moves.sort((one, other) => one[0] - other[0]);
  return event;
}

/**
 * @param {Document[]} documents
 * @returns {Map<string, number>}
 */
function places(documents) {
  return new Map(documents.map((document, place) => [key(document._id), place]));
}

/**
 * An id as text that no other id has.
 *
 * @param {unknown} id
 * @returns {string}
 */
function key(id) {
  return JSON.stringify(id, (_, value) => (typeof value === 'bigint' ? { bigint: value.toString() } : value));
}

/**
 * Whether two values of JSON are the same.
 *
 * @param {any} one
 * @param {any} other
 * @returns {boolean}
 */
export function isSame(one, other) {
  if (one === other) {
    return true;
  }
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return false;
  }
  if (Array.isArray(one) !== Array.isArray(other)) {
    return false;
  }
  const names = Object.keys(one);
  const hasAll = names.length === Object.keys(other).length;
  return hasAll && names.every((name) => Object.hasOwn(other, name) && isSame(one[name], other[name]));
}
