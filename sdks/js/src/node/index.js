/**
 * `headwater` in Node.js.
 */
import './platform.js';

export * from '../api.js';
