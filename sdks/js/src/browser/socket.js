/**
 * The connection to the server: a WebSocket.
 *
 * Invariant: after `close` nothing of it is heard any more.
 * Not here: what frames say, and when one connects (the core).
 */
import { HeadwaterError } from '../errors.js';

const PROTOCOL = 'headwater.sync.1';

/** Within this a connection is made, or given up. */
const CONNECT_MS = 10_000;

/**
 * Where a server takes peers.
 *
 * @param {string} server
 * @param {string | undefined} app
 * @returns {string}
 */
export function endpoint(server, app) {
  const bad = (/** @type {string} */ why) =>
    new HeadwaterError('invalid_server', `${JSON.stringify(server)} is no server: ${why}`);
  const [, scheme, rest] = /^(https?|wss?):\/\/(.*)$/s.exec(server) ?? [];
  if (scheme === undefined) {
    throw bad('it does not begin with https:// or http://');
  }
  const isPlain = (/** @type {string} */ text) => /^[!-~]*$/.test(text) && !/[?#@]/.test(text);
  const [authority, ...path] = rest.split('/');
  if (authority === '' || !isPlain(rest)) {
    throw bad('it is not https://host:port/path');
  }
  if (app !== undefined && (app === '' || !isPlain(app) || /[/%]/.test(app))) {
    throw bad("the app's name can be none");
  }
  const below = [path.join('/').replace(/\/+$/, ''), app ?? ''].filter((it) => it !== '');
  const isTls = scheme === 'https' || scheme === 'wss';
  const url = `${isTls ? 'wss' : 'ws'}://${[authority, ...below, 'sync/v1'].join('/')}`;
  try {
    new URL(url);
  } catch {
    throw bad('it is not https://host:port/path');
  }
  return url;
}

/**
 * Who hears of a connection.
 *
 * @typedef {object} Heard
 * @property {() => void} connected
 * @property {(frame: Uint8Array) => void} frame
 * @property {(why: string) => void} disconnected told once, also if it could not be made
 */

/** One connection. */
export class Socket {
  /** @type {WebSocket | undefined} */
  #socket;
  /** @type {Heard | undefined} */
  #heard;
  /** @type {ReturnType<typeof setTimeout>} */
  #timer;

  /**
   * Begins to connect.
   *
   * @param {string} url
   * @param {Heard} heard
   */
  constructor(url, heard) {
    this.#heard = heard;
    this.#timer = setTimeout(() => this.#lost(`${url} does not answer`), CONNECT_MS);
    let socket;
    try {
      socket = new WebSocket(url, PROTOCOL);
    } catch (error) {
      // A page from https may not connect to http, for one.
      const why = error instanceof Error ? error.message : String(error);
      queueMicrotask(() => this.#lost(why));
      return;
    }
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      clearTimeout(this.#timer);
      this.#heard?.connected();
    };
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        this.#heard?.frame(new Uint8Array(data));
      } else {
        this.#lost('the server sent text');
      }
    };
    // Of an error nothing is told to a page, but that there was one; a close follows it.
    socket.onclose = ({ code, reason }) => this.#lost(reason || `the connection to ${url} was closed (${code})`);
  }

  /**
   * @param {string} why
   */
  #lost(why) {
    const heard = this.#heard;
    this.close();
    heard?.disconnected(why);
  }

  /**
   * @param {Uint8Array} frame
   */
  send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(frame);
    }
  }

  /** Ends it. What was sent goes out. */
  close() {
    clearTimeout(this.#timer);
    this.#heard = undefined;
    this.#socket?.close();
  }
}
