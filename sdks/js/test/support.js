/**
 * What tests share: folders, a real server, other processes, and waiting with a bound.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer as createWebServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Headwater } from 'headwater';

/** Everything that is waited for happens within this. */
export const PATIENCE_MS = 60_000;

/** The root of the package. */
export const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** A folder that goes with the tests. */
export function folder() {
  const made = mkdtempSync(join(tmpdir(), 'headwater-js-'));
  after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/**
 * A peer in a folder of its own, which is closed after the tests.
 *
 * @param {import('headwater').Config} [config]
 */
export async function open(config) {
  const peer = await Headwater.open({ dir: join(folder(), 'peer'), ...config });
  after(() => peer.close());
  return peer;
}

/**
 * Waits until something is there.
 *
 * @template T
 * @param {string} what
 * @param {() => T | Promise<T>} look
 * @returns {Promise<Exclude<T, false | '' | 0 | null | undefined>>}
 */
export async function waitFor(what, look) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found) {
      return /** @type {any} */ (found);
    }
    assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A port where nobody listens. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The server's program. */
function program() {
  const found = process.env.HEADWATER_BIN;
  assert.ok(found, 'HEADWATER_BIN names the program `headwater`; `cargo xtask test` does');
  return found;
}

/** A server of its own. */
export class Server {
  #child;

  /**
   * @param {number} port
   * @param {string} dir
   * @param {import('node:child_process').ChildProcess} child
   */
  constructor(port, dir, child) {
    this.url = `http://127.0.0.1:${port}`;
    this.port = port;
    this.dir = dir;
    this.#child = child;
  }

  /**
   * Starts one; it is stopped after the tests.
   *
   * @param {{port?: number, dir?: string, args?: string[]}} [options]
   */
  static async start(options) {
    const port = options?.port ?? await freePort();
    const dir = options?.dir ?? join(folder(), 'data');
    const args = ['serve', '--data-dir', dir, '--http-listen', `127.0.0.1:${port}`, '--kafka-listen', '127.0.0.1:0'];
    const child = spawn(program(), [...args, '--log', 'error', ...options?.args ?? []], { stdio: 'ignore' });
    const server = new Server(port, dir, child);
    after(() => server.stop());
    await waitFor('the server', async () => {
      assert.equal(child.exitCode, null, 'the server ended');
      const isReady = await fetch(`${server.url}/health/ready`).then((it) => it.ok, () => false);
      return isReady && existsSync(join(dir, 'run.json'));
    });
    return server;
  }

  /** Ends it as a crash would. */
  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGKILL');
      await ended;
    }
  }

  /**
   * The first events of its topic.
   *
   * @param {number} count
   * @returns {Promise<any[]>}
   */
  async events(count) {
    const args = ['events', '--data-dir', this.dir, '--from-beginning', '--max', String(count), '--log', 'error'];
    const { code, stdout, stderr } = await run(program(), args);
    assert.equal(code, 0, stderr);
    return stdout.trim().split('\n').map((line) => JSON.parse(line));
  }

  /**
   * Says who is asked when users of its default app log in.
   *
   * @param {string} url
   */
  async setLoginHook(url) {
    const args = ['login-hook', 'set', 'default', '--url', url, '--data-dir', this.dir];
    const { code, stderr } = await run(program(), args);
    assert.equal(code, 0, stderr);
  }

  /**
   * Makes a key.
   *
   * @param {string[]} args of `headwater key create`
   */
  async key(...args) {
    const { code, stdout, stderr } = await run(program(), ['key', 'create', ...args, '--data-dir', this.dir]);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }
}

/**
 * A login hook, which is gone after the tests: its URL.
 *
 * @param {(asked: {appID: string, provider: string, token: string}) => object} answer
 */
export async function loginHook(answer) {
  const hook = createWebServer(async (request, response) => {
    assert.match(String(request.headers['ditto-signature']), /^t=\d+,v1=[0-9a-f]{64}$/);
    const parts = [];
    for await (const part of request) {
      parts.push(part);
    }
    response.end(JSON.stringify(answer(JSON.parse(Buffer.concat(parts).toString()))));
  });
  after(() => hook.close().closeAllConnections());
  await new Promise((resolve) => hook.listen(0, '127.0.0.1', () => resolve(undefined)));
  return `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (hook.address()).port}/`;
}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @param {number} [patience] in milliseconds
 * @returns {Promise<{code: number | null, stdout: string, stderr: string}>}
 */
export async function run(command, args, options, patience = PATIENCE_MS) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (data) => { stdout += data; });
  child.stderr?.on('data', (data) => { stderr += data; });
  const timer = setTimeout(() => child.kill('SIGKILL'), patience);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  return { code, stdout, stderr };
}

/**
 * Runs lines of a module in a Node.js of their own, in this package. `dir` is a folder there.
 *
 * @param {string} lines
 * @param {{dir?: string, env?: {[name: string]: string}, flags?: string[]}} [options]
 */
export async function runNode(lines, options) {
  const dir = options?.dir ?? join(folder(), 'peer');
  const module = `const dir = ${JSON.stringify(dir)};\n${lines}`;
  const args = [...options?.flags ?? [], '--input-type=module', '--eval', module];
  return run(process.execPath, args, { cwd: PACKAGE, env: { ...process.env, ...options?.env } });
}
