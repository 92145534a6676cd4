/**
 * Logging in: the server asks the app's login hook, and gives a token for what a provider gave.
 *
 * Invariants: whoever logs in again gets another token, and none is renewed; a provider's token is sent to the server
 * that was opened, and nowhere else.
 * Not here: what becomes of the token (`sync`), who is asked (the server).
 */
import { HeadwaterError } from './errors.js';

/** @typedef {{url?: string, app?: string}} LoginServer where to log in, and to which app */

/**
 * A user who has logged in.
 *
 * @typedef {object} Login
 * @property {string} userId who it is, as the app's hook says
 * @property {string} accessToken
 * @property {Date} expires when the token ends
 */

/** How long the server, and the hook that it asks, may take. */
const PATIENCE_MS = 30_000;

/**
 * Logs in over HTTP. In Node.js the server's certificate must be one that Node trusts (`NODE_EXTRA_CA_CERTS`).
 *
 * @param {LoginServer} server
 * @param {string} token what the provider gave
 * @param {string} provider which one, for the hook
 * @returns {Promise<Login>}
 */
export async function logIn({ url, app }, token, provider) {
  if (!url) {
    throw new HeadwaterError('no_server', 'there is no server to log in to');
  }
  const body = new URLSearchParams({ appId: app ?? '', provider, token, siteId: '0' });
  const target = `${url.replace(/\/+$/, '')}/_ditto/auth/login`;
  let response;
  try {
    response = await fetch(target, { method: 'POST', body, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (cause) {
    throw new HeadwaterError('timed_out', `the server does not answer: ${reason(cause)}`, { cause });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok && typeof answer.accessToken === 'string') {
    return { userId: answer.userId, accessToken: answer.accessToken, expires: new Date(answer.accessExpiry) };
  }
  const why = answer.message ?? `status ${response.status}`;
  throw new HeadwaterError(response.status === 401 ? 'rejected' : 'timed_out', `not logged in: ${why}`);
}

/**
 * @param {unknown} error
 */
function reason(error) {
  const { message, cause } = /** @type {{message?: string, cause?: {message?: string}}} */ (error);
  return cause?.message ?? message ?? String(error);
}
