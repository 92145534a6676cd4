/**
 * What the classes stand on: a port, which takes messages of `sdks/calls.json` to a peer, and a platform, which opens
 * ports. Node.js and browsers have one of each.
 *
 * Invariants: a request is answered once, after close too; after `cancel` returned no event comes; a watch that close
 * ends has a last event, the error `closed`.
 * Not here: what a message means.
 */

/**
 * @typedef {{[name: string]: any}} Message
 *
 * @typedef {object} Watch
 * @property {() => void} cancel
 *
 * @typedef {object} Port
 * @property {(request: Message) => Promise<any>} call rejects with a HeadwaterError
 * @property {(request: Message, onEvent: (event: any) => void) => Watch} subscribe throws a HeadwaterError at once
 *   where it can be known at once; an event may be `{error}`
 * @property {() => Promise<void>} close
 * @property {((request: Message) => any)=} callNow the same as `call`, but waits in this thread and throws; where it may
 *   not wait (a transaction is open) it gives a promise
 * @property {(() => () => void)=} hold keeps the process from ending until what it gives is called
 *
 * @typedef {object} Files
 * @property {(path: string) => Promise<Uint8Array>} read
 * @property {(from: string, to: string) => Promise<void>} copy
 * @property {(bytes: Uint8Array) => string} base64
 *
 * @typedef {object} Platform
 * @property {(config: Message) => Promise<Port>} openPort
 * @property {((config: Message) => Port)=} openPortNow the same, but waits in this thread; throws
 * @property {(() => string | undefined)=} serverUrl what the environment says of where the server is
 * @property {Files=} files where there are any
 * @property {(() => Promise<void>)=} init what must be loaded before a port can be opened
 */

/** @type {Platform | undefined} */
let current;

/**
 * Says how ports are opened; each platform's entry does, before anything is opened.
 *
 * @param {Platform} platform
 */
export function usePlatform(platform) {
  current = platform;
}

/** The platform. */
export function platform() {
  if (!current) {
    throw new Error('import headwater by its own name: this file knows no platform');
  }
  return current;
}
