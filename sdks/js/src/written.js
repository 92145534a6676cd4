/**
 * What a write came to.
 */

/** @typedef {import('./port.js').Port} Port */

/** A write. It is durable here. */
export class Written {
  #port;

  /**
   * @param {Port} port
   * @param {any[]} ids
   * @param {number | undefined} sequence
   */
  constructor(port, ids, sequence) {
    this.#port = port;
    /** The documents that were written. */
    this.ids = ids;
    /** The number of its transaction here; none if there was nothing to do. */
    this.sequence = sequence;
  }

  /** The document's id: of an upsert there is always one. */
  get id() {
    return this.ids[0];
  }

  /**
   * Waits until the server has it, as `sync.committed`; undefined if there was nothing to do.
   *
   * @param {{timeoutMs?: number}} [options]
   * @returns {Promise<number | undefined>}
   */
  async committed(options) {
    return this.sequence === undefined ? undefined : verdict(this.#port, 'committed', options, this.sequence);
  }
}

/** What a statement came to. */
export class Executed extends Written {
  /**
   * @param {Port} port
   * @param {{items: any[], mutated: any[], sequence?: number}} answer
   */
  constructor(port, answer) {
    super(port, answer.mutated, answer.sequence);
    /** The rows of a SELECT, or what RETURNING says. */
    this.items = answer.items;
  }

  /** The documents that were written or evicted. */
  get mutatedDocumentIDs() {
    return this.ids;
  }
}

/**
 * Waits for the server's word.
 *
 * @param {Port} port
 * @param {'committed' | 'flushed'} call
 * @param {{timeoutMs?: number}} [options]
 * @param {number} [sequence]
 * @returns {Promise<number | undefined>}
 */
export async function verdict(port, call, options, sequence) {
  return (await port.call({ call, sequence, timeout_ms: options?.timeoutMs })).txn ?? undefined;
}
