/**
 * Node.js as a platform of the classes.
 */
import { copyFile, readFile } from 'node:fs/promises';

import { usePlatform } from '../port.js';
import { openPort, openPortNow, serverUrl } from './port.js';

const files = {
  read: (/** @type {string} */ path) => readFile(path),
  copy: (/** @type {string} */ from, /** @type {string} */ to) => copyFile(from, to),
  base64: (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes).toString('base64'),
};

usePlatform({ openPort, openPortNow, serverUrl, files });
