/**
 * Promise: the page's snippets, started with the server down, write; once it is up their events are printed by the
 * page's own script.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { PACKAGE, Server, folder, freePort, run, waitFor } from './support.js';

/** The page's snippet, word for word. */
const SNIPPET = `const docID = await ditto.store.collection('people').upsert({
  name: 'Susan',
  age: 31,
})
console.log(docID) // "507f191e810c19729de860ea"
`;

/** What makes a program go on as an app does that has windows or a port. */
const GOES_ON = ['--import', 'data:text/javascript,setInterval(()=>{},60000)'];

/**
 * Starts a program and gives the lines that it prints.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{[name: string]: string}} [env]
 */
function start(command, args, env) {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'], detached: true, env: { ...process.env, ...env },
  });
  after(() => process.kill(-Number(child.pid), 'SIGKILL')); // and what it started
  let text = '';
  child.stdout.on('data', (data) => { text += data; });
  return () => text.split('\n').slice(0, -1);
}

test('the snippets stand in the programs as they stand on the page', () => {
  for (const name of ['page.js', 'page-older.js']) {
    assert.ok(readFileSync(join(PACKAGE, 'examples', name), 'utf8').endsWith(SNIPPET), name);
  }
});

test('what the snippets write without a server is printed by the page\'s script once there is one', async () => {
  const tools = process.env.HEADWATER_TOOLS;
  assert.ok(tools, 'HEADWATER_TOOLS names the folder with Kafka; `cargo xtask test` does');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const programs = ['page.js', 'page-older.js'].map((name) => [join(PACKAGE, 'examples', name), join(folder(), 'peer'), url]);
  const goesOn = start(process.execPath, [...GOES_ON, programs[0][0], join(folder(), 'peer'), url]);
  const [idOfOneThatGoesOn] = await waitFor('its id', () => goesOn()[0] && goesOn());
  const before = await Promise.all(programs.map(idOf));

  const server = await Server.start({ port });
  const script = join(server.dir, 'credentials/default/consume.sh');
  const printed = start('bash', [script], { KAFKA: join(tools, 'kafka_2.13-3.1.0') });
  await waitFor('the page\'s script', async () => {
    await write(url); // it begins with what comes after it has joined
    return printed().length > 0;
  });
  const now = await Promise.all(programs.map(idOf));
  for (const id of [...before, ...now]) {
    const line = await waitFor(`the event of ${id}`, () => printed().find((it) => it.includes(id)));
    assert.deepEqual(JSON.parse(line).change, {
      method: 'upsert', oldValue: null, newValue: { _id: id, age: 31, name: 'Susan' },
    });
  }
  await waitFor('the document of the program that goes on', async () => (await all(url)).includes(idOfOneThatGoesOn));
});

/**
 * Runs a program to its end: the id that it prints.
 *
 * @param {string[]} program
 */
async function idOf(program) {
  const { code, stdout, stderr } = await run(process.execPath, program);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^[0-9a-f]{24}\n$/);
  return stdout.trim();
}

/**
 * Writes as the page's cURL does.
 *
 * @param {string} url
 */
async function write(url) {
  const commands = [{ method: 'upsert', collection: 'people', id: 'abc123', value: { name: 'Susan', age: 31 } }];
  const body = JSON.stringify({ commands });
  const headers = { 'Content-Type': 'application/json' };
  const reply = await fetch(`${url}/api/v4/store/write`, { method: 'POST', headers, body });
  assert.equal(reply.status, 200);
}

/**
 * The ids of all people at the server.
 *
 * @param {string} url
 * @returns {Promise<string[]>}
 */
async function all(url) {
  const body = JSON.stringify({ statement: 'SELECT * FROM people' });
  const headers = { 'Content-Type': 'application/json' };
  const reply = await fetch(`${url}/api/v4/store/execute`, { method: 'POST', headers, body });
  return (await reply.json()).items.map((/** @type {any} */ it) => it._id);
}
