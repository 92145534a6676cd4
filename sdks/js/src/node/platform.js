/**
 * Node.js as a platform of the classes.
 */
import { usePlatform } from '../port.js';
import { openPort, openPortNow, serverUrl } from './port.js';

usePlatform({ openPort, openPortNow, serverUrl });
