/**
 * `headwater/compat` in Node.js.
 */
import './platform.js';

export * from '../compat/api.js';
