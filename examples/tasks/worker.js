/**
 * Keeps the page's own files, so that it opens without a server: what the network gives is shown, and kept for when it
 * gives nothing, or nothing soon.
 *
 * Not here: documents. They are the peer's (`tasks.js`).
 */
const worker = /** @type {any} */ (self);
const KEPT = 'tasks-files';

/** So long the network has for a file that is kept. */
const PATIENCE_MS = 1_000;

/** After it was too slow for one, the kept ones are taken at once for so long. */
const SLOW_MS = 10_000;

let slowUntil = 0;

worker.addEventListener('install', () => worker.skipWaiting());
worker.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

/** What a page has loaded before it had this worker. */
worker.addEventListener('message', (/** @type {any} */ event) => event.waitUntil(keep(event.data)));

worker.addEventListener('fetch', (/** @type {any} */ event) => {
  if (event.request.method === 'GET' && isOurs(event.request.url)) {
    event.respondWith(answer(event.request));
  }
});

/** @param {string} url */
function isOurs(url) {
  return url.startsWith(worker.registration.scope);
}

/** @param {string[]} urls */
async function keep(urls) {
  const cache = await caches.open(KEPT);
  await cache.addAll(urls.filter(isOurs));
}

/** @param {Request} request */
async function answer(request) {
  const cache = await caches.open(KEPT);
  const kept = await cache.match(request);
  const fresh = fetchAndKeep(cache, request);
  if (!kept) {
    return fresh;
  }
  const patience = new Promise((resolve) => {
    setTimeout(() => resolve(undefined), performance.now() < slowUntil ? 0 : PATIENCE_MS);
  });
  const first = await Promise.race([fresh.catch(() => kept), patience]);
  slowUntil = first ? slowUntil : performance.now() + SLOW_MS;
  return first ?? kept;
}

/**
 * @param {Cache} cache
 * @param {Request} request
 */
async function fetchAndKeep(cache, request) {
  const response = await fetch(request);
  if (response.ok) {
    await cache.put(request, response.clone());
  }
  return response;
}
