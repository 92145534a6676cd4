/**
 * `headwater/compat` in browsers.
 */
import './platform.js';

export * from '../compat/api.js';
