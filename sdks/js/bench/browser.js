/**
 * Figures of a small peer in Chromium, against a real server: `node sdks/js/bench/browser.js [documents]`.
 *
 * It needs `cargo xtask sdk js`, chromedriver, and the server's binary (`HEADWATER_BIN`, else target/release/headwater).
 * Not here: what must hold (`crates/server/tests/browser_peers`).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const BINARY = process.env.HEADWATER_BIN ?? join(PACKAGE, '../../target/release/headwater');
const KINDS = /** @type {{[extension: string]: string}} */ ({ '.js': 'text/javascript', '.wasm': 'application/wasm' });
const PAGE = '<!doctype html><meta charset=utf-8><title>bench</title><link rel=icon href=data:,><body>';

const documents = Number(process.argv[2] ?? 10_000);
const directory = mkdtempSync(join(tmpdir(), 'headwater-bench-'));

/** Serves the package's files, and a page. */
async function startSite() {
  const site = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const body = pathname === '/' ? PAGE : readFileSync(join(PACKAGE, pathname));
    response.setHeader('content-type', KINDS[extname(pathname)] ?? 'text/html');
    response.end(body);
  });
  await new Promise((resolve) => site.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (site.address());
  return { url: `http://127.0.0.1:${address.port}/`, stop: () => site.close() };
}

async function startServer() {
  const listen = ['--http-listen', '127.0.0.1:0', '--kafka-listen', '127.0.0.1:0'];
  const server = spawn(BINARY, ['serve', ...listen], { cwd: directory, stdio: 'ignore' });
  for (let tries = 0; tries < 500; tries++) {
    try {
      const { http } = JSON.parse(readFileSync(join(directory, 'headwater-data/run.json'), 'utf8'));
      return { url: http, stop: () => server.kill() };
    } catch {
      await wait(20);
    }
  }
  throw new Error(`${BINARY} does not start`);
}

/** A headless Chromium. */
async function startBrowser() {
  const driver = spawn('chromedriver', ['--port=0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const port = await new Promise((resolve) => {
    driver.stdout.on('data', (text) => {
      const said = /successfully on port (\d+)/.exec(String(text));
      if (said) {
        resolve(said[1]);
      }
    });
  });
  const send = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {object=} */ body) => {
    const url = `http://127.0.0.1:${port}/session${path}`;
    const response = await fetch(url, { method, body: body && JSON.stringify(body) });
    const { value } = await response.json();
    if (!response.ok) {
      throw new Error(value.message);
    }
    return value;
  };
  const args = ['--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-first-run'];
  args.push(`--user-data-dir=${join(directory, 'profile')}`);
  const options = { browserName: 'chrome', 'goog:chromeOptions': { args }, timeouts: { script: 300_000 } };
  const { sessionId } = await send('POST', '', { capabilities: { alwaysMatch: options } });
  return {
    open: (/** @type {string} */ url) => send('POST', `/${sessionId}/url`, { url }),
    /** Runs an async function on the page. */
    run: async (/** @type {Function} */ work, /** @type {unknown[]} */ ...args) => {
      const script = `const done = arguments[arguments.length - 1];
        (${work})(...[...arguments].slice(0, -1)).then((ok) => done({ ok }), (error) => done({ error: String(error) }))`;
      const { ok, error } = await send('POST', `/${sessionId}/execute/async`, { script, args });
      if (error) {
        throw new Error(error);
      }
      return ok;
    },
    stop: async () => {
      await send('DELETE', `/${sessionId}`);
      driver.kill();
    },
  };
}

/**
 * @param {string} url of the server
 */
async function fill(url) {
  for (let from = 0; from < documents; from += 500) {
    const args = Object.fromEntries(Array.from({ length: Math.min(500, documents - from) }, (_, at) => {
      const n = from + at;
      const title = `Task number ${n} ${'x'.repeat(120)}`;
      return [`d${at}`, { _id: `d${String(n).padStart(7, '0')}`, n, done: n % 3 === 0, title }];
    }));
    const statement = `INSERT INTO tasks DOCUMENTS ${Object.keys(args).map((name) => `(:${name})`).join(', ')}`;
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ statement, args });
    const response = await fetch(`${url}/api/v4/store/execute`, { method: 'POST', headers, body });
    if (!response.ok) {
      throw new Error(await response.text());
    }
  }
}

/* What the page does; each gives milliseconds. */

async function initialSync(/** @type {string} */ server) {
  const { Headwater } = await import('/src/browser/index.js');
  const peer = await Headwater.open({ dir: 'bench', server });
  const begun = performance.now();
  const subscription = await peer.sync.registerSubscription('SELECT * FROM tasks');
  await peer.startSync();
  while (!(await subscription.isComplete())) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const ms = performance.now() - begun;
  await peer.close();
  return ms;
}

async function firstPage() {
  const { Headwater } = await import('/src/browser/index.js');
  const begun = performance.now();
  const peer = await Headwater.open({ dir: 'bench' });
  const opened = performance.now();
  await new Promise((resolve) => {
    peer.store.registerObserver('SELECT * FROM tasks ORDER BY n LIMIT 50', (items) => {
      document.body.replaceChildren(...items.map(({ title }) => {
        const line = document.createElement('p');
        line.textContent = title;
        return line;
      }));
      resolve(undefined);
    });
  });
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const painted = performance.now();
  return { open: opened - begun, firstPage: painted - begun, sinceNavigation: painted };
}

async function writes() {
  const { Headwater } = await import('/src/browser/index.js');
  const peer = await Headwater.open({ dir: 'writes' });
  const tasks = peer.store.collection('tasks');
  const times = [];
  for (let n = 0; n < 500; n++) {
    const begun = performance.now();
    await tasks.upsert({ _id: n, title: 'x'.repeat(150) });
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  const begun = performance.now();
  await Promise.all(Array.from({ length: 5_000 }, (_, n) => tasks.upsert({ _id: n, title: 'y'.repeat(150) })));
  const together = 5_000 / ((performance.now() - begun) / 1_000);
  const readBegun = performance.now();
  for (let n = 0; n < 1_000; n++) {
    await tasks.findByID(n);
  }
  return { durableP50: times[250], durableP99: times[495], together, read: performance.now() - readBegun };
}

const [site, server, browser] = await Promise.all([startSite(), startServer(), startBrowser()]);
try {
  await fill(server.url);
  await browser.open(site.url);
  const module = readFileSync(join(PACKAGE, 'dist/headwater.wasm'));
  console.log(`headwater.wasm: ${module.length} bytes, ${gzipSync(module, { level: 9 }).length} with gzip`);
  console.log(`initial sync of ${documents} documents: ${Math.round(await browser.run(initialSync, server.url))} ms`);
  for (let run = 0; run < 3; run++) {
    await browser.open(site.url);
    const { open, firstPage: page, sinceNavigation } = await browser.run(firstPage);
    const [a, b, c] = [open, page, sinceNavigation].map(Math.round);
    console.log(`open ${a} ms; open, query of 50, painted ${b} ms; since the navigation ${c} ms`);
  }
  const { durableP50, durableP99, together, read } = await browser.run(writes);
  console.log(`a durable upsert: p50 ${durableP50.toFixed(1)} ms, p99 ${durableP99.toFixed(1)} ms; one after another`);
  console.log(`upserts at once: ${Math.round(together)} a second; findByID: ${read.toFixed(0)} µs`);
} finally {
  await browser.stop();
  server.stop();
  site.stop();
  await wait(200);
  rmSync(directory, { recursive: true, force: true });
}
