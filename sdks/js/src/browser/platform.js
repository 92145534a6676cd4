/**
 * Has the classes open their peers in this page.
 */
import { usePlatform } from '../port.js';
import { loadModule } from './instance.js';
import { openPort } from './port.js';

usePlatform({
  openPort,
  async init() {
    await loadModule();
  },
});
