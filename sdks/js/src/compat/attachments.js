/**
 * Attachments, by the vendor's names.
 */
import { AttachmentToken as Token, fetchAttachment, newAttachment } from '../attachments.js';

/** @typedef {import('../port.js').Port} Port */

/** What stands in a document for a file. */
export class AttachmentToken extends Token {}

/** A file that is here. As a field of a document it is its token. */
export class Attachment {
  #own;

  /**
   * @param {import('../attachments.js').Attachment} own
   */
  constructor(own) {
    this.#own = own;
  }

  /** The SHA-256 of the file. */
  get id() {
    return this.#own.token.id;
  }

  /** How long it is, in bytes. */
  get len() {
    return this.#own.token.len;
  }

  /** Whatever an app says of it. */
  get metadata() {
    return this.#own.token.metadata;
  }

  /** What a document refers to it by. */
  get token() {
    return new AttachmentToken(this.#own.token);
  }

  /** What is in it. */
  async data() {
    return this.#own.bytes();
  }

  /** The same, by its older name. */
  async getData() {
    return this.#own.bytes();
  }

  /**
   * Copies it to a file of the app's.
   *
   * @param {string} path
   */
  async copyToPath(path) {
    await this.#own.copyTo(path);
  }

  /** As a document has it. */
  toJSON() {
    return this.#own.token.toJSON();
  }
}

/**
 * What a fetch tells.
 *
 * @typedef {{type: 'Completed', attachment: Attachment}
 *   | {type: 'Progress', downloadedBytes: number, totalBytes: number}
 *   | {type: 'Deleted'}} AttachmentFetchEvent
 */

/** A fetch that is under way. */
export class AttachmentFetcher {
  #stop;
  #isOver = false;

  /**
   * @param {Port} port
   * @param {{id: string, len: number}} token
   * @param {((event: AttachmentFetchEvent) => unknown)=} handler
   */
  constructor(port, token, handler) {
    /** @type {(attachment: Attachment | null) => void} */
    let give = () => {};
    /** @type {Promise<Attachment | null>} the file, or null if there is none or the fetch was stopped */
    this.attachment = new Promise((resolve) => {
      give = (attachment) => {
        this.#isOver = true;
        resolve(attachment);
      };
    });
    const stop = fetchAttachment(port, token, {
      progress: (here) => handler?.({ type: 'Progress', downloadedBytes: here, totalBytes: token.len }),
      done: (own) => {
        const attachment = new Attachment(own);
        give(attachment);
        handler?.({ type: 'Completed', attachment });
      },
      failed: (error) => {
        give(null);
        if (error.code === 'not_found') {
          handler?.({ type: 'Deleted' });
        } else if (error.code !== 'closed') {
          throw error;
        }
      },
    });
    this.#stop = () => {
      stop();
      give(null);
    };
  }

  /** Whether it is over. */
  get ended() {
    return this.#isOver;
  }

  /** Ends it: what has come goes on with the next fetch. */
  stop() {
    this.#stop();
  }
}

/**
 * Takes a copy of a file or of bytes.
 *
 * @param {Port} port
 * @param {string | Uint8Array} pathOrData
 * @param {{[name: string]: string}} [metadata]
 */
export async function createAttachment(port, pathOrData, metadata) {
  return new Attachment(await newAttachment(port, pathOrData, metadata));
}
