/**
 * Attachments: files that documents refer to by tokens, apart from the documents.
 *
 * Invariants: a new attachment is durable before its token is given; what was fetched is what its token says.
 * Not here: when a file is uploaded (the peer does that before it pushes a token), reading files (the platform).
 */
import { HeadwaterError, callOut, errorOf } from './errors.js';
import { platform } from './port.js';

/** @typedef {import('./port.js').Port} Port */

/** What stands in a document for a file. As JSON it is the value of a field of the type `attachment`. */
export class AttachmentToken {
  /**
   * @param {{id: string, len: number, metadata?: {[name: string]: string}}} value
   */
  constructor({ id, len, metadata = {} }) {
    /** The SHA-256 of the file, as base64url without padding. */
    this.id = id;
    /** How long it is, in bytes. */
    this.len = len;
    /** Whatever an app says of it. */
    this.metadata = metadata;
  }

  /** As a document has it. */
  toJSON() {
    return { id: this.id, len: this.len, metadata: this.metadata };
  }
}

/** A file that is here. */
export class Attachment {
  /**
   * @param {AttachmentToken} token
   * @param {string} path
   */
  constructor(token, path) {
    /** What a document refers to it by. */
    this.token = token;
    /** Where it is. It is not to be changed, and may go when no document refers to it for a day. */
    this.path = path;
  }

  /**
   * What is in it.
   *
   * @returns {Promise<Uint8Array>}
   */
  async bytes() {
    return files().read(this.path);
  }

  /**
   * Copies it to a file of the app's.
   *
   * @param {string} path
   */
  async copyTo(path) {
    await files().copy(this.path, path);
  }
}

/**
 * Takes a copy of a file or of bytes.
 *
 * @param {Port} port
 * @param {string | Uint8Array} source
 * @param {{[name: string]: string}} [metadata]
 */
export async function newAttachment(port, source, metadata) {
  const of = typeof source === 'string' ? { path: source } : { data: files().base64(source) };
  const { attachment, path } = await port.call({ call: 'new_attachment', ...of, metadata });
  return new Attachment(new AttachmentToken(attachment), path);
}

/**
 * Fetches a file, until it is here, will not come, or `stop` is called.
 *
 * @param {Port} port
 * @param {AttachmentToken | {id: string, len: number}} token
 * @param {{progress: (here: number) => unknown, done: (attachment: Attachment) => unknown,
 *   failed: (error: HeadwaterError) => unknown}} told
 * @returns {() => void} `stop`
 */
export function fetchAttachment(port, token, { progress, done, failed }) {
  const wanted = new AttachmentToken(token);
  const release = port.hold?.();
  const end = (/** @type {() => unknown} */ tell) => {
    watch?.cancel();
    release?.();
    callOut(tell);
  };
  /** @type {import('./port.js').Watch | undefined} */
  let watch;
  try {
    watch = port.subscribe({ watch: 'attachment', attachment: wanted }, ({ here, path, error }) => {
      if (error) {
        end(() => failed(errorOf(error)));
      } else if (path === undefined) {
        callOut(() => progress(here));
      } else {
        end(() => done(new Attachment(wanted, path)));
      }
    });
  } catch (error) {
    end(() => failed(/** @type {HeadwaterError} */ (error)));
  }
  return () => {
    watch?.cancel();
    release?.();
  };
}

function files() {
  const found = platform().files;
  if (!found) {
    throw new HeadwaterError('unsupported', 'there are no files here: attachments are for Node.js');
  }
  return found;
}
