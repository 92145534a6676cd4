/**
 * Figures of a peer in Node.js, without a server: `node --expose-gc sdks/js/bench/figures.js FOLDER`. Prints one object
 * of JSON; `cargo xtask bench node` shows it beside the same of Rust.
 *
 * Not here: what the figures should be (`bench/src/node.rs`).
 */
import { createRequire } from 'node:module';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Headwater } from 'headwater';

const library = fileURLToPath(new URL('../native/headwater.node', import.meta.url));
const { Peer } = createRequire(import.meta.url)(library);
const folder = process.argv[2];
if (folder === undefined || global.gc === undefined) {
  throw new Error('usage: node --expose-gc figures.js FOLDER');
}

/** A document of about 200 bytes, as the ones of Rust are. */
const document = (/** @type {number} */ n) => ({ _id: `p${n}`, age: 18 + n % 73, n, note: 'x'.repeat(160) });

const now = () => Number(process.hrtime.bigint()) / 1e9;

/**
 * Seconds that a call takes: the best of many short rounds, since others use the machine too.
 *
 * @param {number} calls
 * @param {() => unknown} call
 */
async function secondsOf(calls, call) {
  let best = Infinity;
  for (let round = 0; round < 100; round++) {
    const began = now();
    for (let n = 0; n < calls; n++) {
      const given = call();
      if (given instanceof Promise) {
        await given;
      }
    }
    best = Math.min(best, (now() - began) / calls);
  }
  return best;
}

/**
 * Upserts a second, one after another and many awaited together.
 *
 * @param {boolean} relaxed
 * @param {number} alone
 * @param {number} together
 */
async function upserts(relaxed, alone, together) {
  const peer = await Headwater.open({ dir: join(folder, relaxed ? 'relaxed' : 'durable'), relaxed });
  const people = peer.store.collection('people');
  let began = now();
  for (let n = 0; n < alone; n++) {
    await people.upsert(document(n));
  }
  const aloneRate = alone / (now() - began);
  began = now();
  await Promise.all(Array.from({ length: together }, (_, n) => people.upsert(document(alone + n))));
  const togetherRate = together / (now() - began);
  let at = 0;
  const byID = await secondsOf(2_000, () => people.findByID(`p${at++ % alone}`));
  await peer.close();
  return { alone: aloneRate, together: togetherRate, byID: byID * 1e6 };
}

/** What 10,000 observers that were made and cancelled leave, in bytes. */
async function observers() {
  const peer = await Headwater.open({ dir: join(folder, 'observers'), relaxed: true });
  const makeAndCancel = async () => {
    for (let n = 0; n < 10_000; n += 100) {
      await new Promise((resolve) => {
        let told = 0;
        const tell = () => ++told === 100 && resolve(undefined);
        const all = Array.from({ length: 100 }, () => peer.store.registerObserver('SELECT * FROM t', tell));
        setImmediate(function look() {
          told >= 100 ? all.forEach((it) => it.cancel()) : setImmediate(look);
        });
      });
    }
    global.gc?.();
    return process.memoryUsage();
  };
  await makeAndCancel();
  const before = await makeAndCancel();
  const after = await makeAndCancel();
  await peer.close();
  return { heap: after.heapUsed - before.heapUsed, rss: after.rss - before.rss };
}

const native = Peer.open(JSON.stringify({ abi: 1, dir: join(folder, 'native') }), () => {});
const value = { name: 'Susan', age: 31, note: 'x'.repeat(120), address: { city: 'Bern', zip: 3000 } };
const request = { call: 'echo', value };
const text = JSON.stringify(request);
const border = await secondsOf(5_000, () => native.callNow(text));
const json = await secondsOf(5_000, () => JSON.parse(JSON.stringify(request)));

const peer = await Headwater.open({ dir: join(folder, 'echo') });
const missing = await secondsOf(2_000, () => peer.store.collection('none').findByID('none'));
await peer.close();

console.log(JSON.stringify({
  requestBytes: text.length,
  borderMicroseconds: border * 1e6,
  jsonMicroseconds: json * 1e6,
  missingMicroseconds: missing * 1e6,
  durable: await upserts(false, 1_000, 20_000),
  relaxed: await upserts(true, 20_000, 50_000),
  observers: await observers(),
  libraryBytes: statSync(library).size,
}));
