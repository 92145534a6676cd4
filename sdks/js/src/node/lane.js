/**
 * How much is sent to the library at once.
 *
 * Invariants: what is sent in one lane is sent in its order; at most so much is sent and not answered that the library
 * never lets this thread wait for room.
 */

/** How many calls of a lane are sent and not answered. The library has room for twice as many. */
const SENT_MAX = 512;

/** Calls that are sent in their order. */
export class Lane {
  #sent = 0;
  /** @type {{send: () => void, fail: (error: unknown) => void}[]} */
  #queue = [];

  /**
   * Sends, now or when others were answered.
   *
   * @param {() => void} send
   * @param {(error: unknown) => void} fail
   */
  push(send, fail) {
    if (this.#sent < SENT_MAX && this.#queue.length === 0) {
      this.#sent++;
      send();
    } else {
      this.#queue.push({ send, fail });
    }
  }

  /** One was answered. */
  answered() {
    this.#sent--;
    this.#go();
  }

  /**
   * Nothing is sent any more.
   *
   * @param {unknown} error
   */
  fail(error) {
    this.#queue.splice(0).forEach((it) => it.fail(error));
  }

  #go() {
    while (this.#sent < SENT_MAX && this.#queue.length > 0) {
      const batch = this.#queue.splice(0, SENT_MAX - this.#sent);
      this.#sent += batch.length;
      batch.forEach((it) => it.send());
    }
  }
}
