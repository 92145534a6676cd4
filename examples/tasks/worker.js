/**
 * Keeps the page's own files, so that it opens without a server: what the network gives is shown, and kept for when it
 * gives nothing.
 *
 * Not here: documents. They are the peer's (`tasks.js`).
 */
const worker = /** @type {any} */ (self);
const KEPT = 'tasks-files';

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
  try {
    const response = await fetch(request);
    if (response.ok) {
      await cache.put(request, response.clone());
    }
    return response;
  } catch (error) {
    const kept = await cache.match(request);
    if (!kept) {
      throw error;
    }
    return kept;
  }
}
