/**
 * `headwater` in browsers.
 */
import './platform.js';

export { loadModule } from './instance.js';
export * from '../api.js';
