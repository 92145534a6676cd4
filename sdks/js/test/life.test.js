/**
 * Promise: a process ends when it has nothing to wait for, whatever is observed and synced; what an app does wrong is
 * reported and harms nothing.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { Headwater } from 'headwater';

import { PACKAGE, folder, open, runNode, waitFor } from './support.js';

const OPEN = "import { Headwater } from 'headwater';\n"
  + "const peer = await Headwater.open({ dir, server: 'http://127.0.0.1:1' });\n";

test('a process ends with an open observer and with sync on', async () => {
  const { code, stdout, stderr } = await runNode(`${OPEN}
    await peer.startSync();
    await peer.sync.registerSubscription('SELECT * FROM t');
    peer.sync.onRejected(() => {});
    peer.sync.observeState(() => {});
    const keepAlive = setInterval(() => {}, 60_000);
    await new Promise((told) => peer.store.registerObserver('SELECT * FROM t', told));
    clearInterval(keepAlive);
    console.log('told');`);
  assert.deepEqual([code, stdout, stderr], [0, 'told\n', '']);
});

test('a process waits for what it began: a write, a loop', async () => {
  const dir = join(folder(), 'peer');
  const write = await runNode(`${OPEN}
    peer.store.collection('t').upsert({ _id: 'a' }).then(() => console.log('written'));
    const wait = async () => {
      for await (const items of peer.store.observe('SELECT * FROM t')) {
        if (items.length > 0) {
          return;
        }
      }
    };
    wait().then(() => console.log('seen'));`, { dir });
  assert.deepEqual([write.code, write.stdout.split('\n').sort()], [0, ['', 'seen', 'written']]);
  const peer = await Headwater.open({ dir });
  assert.deepEqual(await peer.store.collection('t').findByID('a'), { _id: 'a' });
  await peer.close();
});

test('what was written in a relaxed way is there after the process ended in good order', async () => {
  const dir = join(folder(), 'peer');
  const { code } = await runNode(`${OPEN.replace('{ dir,', '{ relaxed: true, dir,')}
    for (let n = 0; n < 100; n++) {
      await peer.store.collection('t').upsert({ _id: n });
    }`, { dir });
  assert.equal(code, 0);
  const peer = await Headwater.open({ dir });
  assert.equal((await peer.store.execute('SELECT * FROM t')).items.length, 100);
  await peer.close();
});

test('process.exit ends at once, whatever goes on', async () => {
  const { code, stderr } = await runNode(`${OPEN}
    await peer.startSync();
    peer.store.registerObserver('SELECT * FROM t', () => process.exit(7));
    for (;;) {
      await peer.store.collection('t').upsert({});
    }`);
  assert.deepEqual([code, stderr], [7, '']);
});

test('two processes on one folder: the second is told', async () => {
  const dir = join(folder(), 'peer');
  const peer = await Headwater.open({ dir });
  await assert.rejects(Headwater.open({ dir }), { code: 'in_use' });
  const second = await runNode(`import { Headwater } from 'headwater';
    await Headwater.open({ dir }).catch((error) => console.log(error.code));`, { dir });
  assert.deepEqual([second.code, second.stdout], [0, 'in_use\n']);
  await peer.close();
  const third = await Headwater.open({ dir });
  await third.close();
});

test('after close everything is closed, and what was begun before has its answer', async () => {
  const headwater = await open();
  const documents = headwater.store.collection('t');
  const begun = Array.from({ length: 2_000 }, (_, n) => documents.upsert({ n }).then(() => 'written', (it) => it.code));
  const waits = headwater.sync.flushed().catch((it) => it.code);
  const closing = headwater.close();
  const answers = new Set(await Promise.all(begun));
  assert.ok([...answers].every((it) => it === 'written' || it === 'closed'), [...answers].join());
  assert.equal(await waits, 'closed');
  await Promise.all([closing, headwater.close()]);
  await assert.rejects(documents.findByID('a'), { code: 'closed' });
  await assert.rejects(documents.upsert({}), { code: 'closed' });
  await assert.rejects(headwater.startSync(), { code: 'closed' });
  await assert.rejects(headwater.store.transaction(() => {}), { code: 'closed' });
  assert.throws(() => headwater.store.registerObserver('SELECT * FROM t', () => {}), { code: 'closed' });
});

test('a peer may be closed in a callback and in a transaction', async () => {
  const peer = await open();
  let closed = false;
  peer.store.registerObserver('SELECT * FROM t', async () => {
    await peer.close();
    closed = true;
  });
  await waitFor('the end', () => closed);
  const other = await open();
  const transaction = other.store.transaction(async (tx) => {
    await tx.collection('t').upsert({});
    await other.close();
    return tx.collection('t').upsert({});
  });
  await assert.rejects(transaction, { code: 'closed' });
});

test('exceptions in callbacks are uncaught ones, and others are told on', async () => {
  const { code, stdout, stderr } = await runNode(`${OPEN}
    const caught = [];
    process.on('uncaughtException', (error) => caught.push(error.message));
    let count = 0;
    peer.store.registerObserver('SELECT * FROM t', () => { throw new Error('thrown'); });
    peer.store.registerObserver('SELECT * FROM t', async () => { throw new Error('rejected'); });
    peer.store.registerObserver('SELECT * FROM t', () => count++);
    while (count === 0 || caught.length < 2) {
      await peer.store.collection('t').upsert({ _id: 'a', n: count });
    }
    await peer.close();
    console.log([...new Set(caught)].sort().join());`);
  assert.deepEqual([code, stdout, stderr], [0, 'rejected,thrown\n', '']);
  const uncaught = await runNode(`${OPEN}
    peer.store.registerObserver('SELECT * FROM t', () => { throw new RangeError('of the app'); });
    await new Promise((resolve) => setTimeout(resolve, 60_000));`);
  assert.notEqual(uncaught.code, 0);
  assert.match(uncaught.stderr, /RangeError: of the app/);
});

test('a transaction that waits for a write of others fails, and holds nobody up for ever', async () => {
  const { store } = await open();
  const documents = store.collection('t');
  const stuck = store.transaction(async (tx) => {
    await tx.collection('t').upsert({ _id: 'a' });
    await documents.upsert({ _id: 'b' });
  });
  await assert.rejects(stuck, { code: 'no_transaction' });
  assert.deepEqual(await documents.find().documents(), [{ _id: 'b' }]);
});

test('reads and observers go on while a transaction is open', async () => {
  const { store } = await open();
  let told = 0;
  await store.transaction(async (tx) => {
    await tx.collection('t').upsert({ _id: 'a' });
    assert.equal(await store.collection('t').findByID('a'), null);
    assert.deepEqual((await store.execute('SELECT * FROM t')).items, []);
    store.registerObserver('SELECT * FROM t', () => told++);
  });
  await waitFor('the observer', () => told > 0);
});

test('a worker opens a peer of its own; when it is ended its folder is free', async () => {
  const dir = join(folder(), 'peer');
  const lines = `
    const { parentPort } = require('node:worker_threads');
    import('headwater').then(async ({ Headwater }) => {
      const peer = await Headwater.open({ dir: ${JSON.stringify(dir)}, server: 'http://127.0.0.1:1' });
      await peer.startSync();
      peer.store.registerObserver('SELECT * FROM t', () => {});
      await peer.store.collection('t').upsert({ _id: 'a' });
      parentPort.postMessage('written');
      for (;;) {
        await peer.store.collection('t').upsert({ _id: 'b' });
      }
    });`;
  process.chdir(PACKAGE);
  const worker = new Worker(lines, { eval: true });
  assert.equal(await new Promise((resolve) => worker.once('message', resolve)), 'written');
  await assert.rejects(Headwater.open({ dir }), { code: 'in_use' });
  await worker.terminate();
  const peer = await Headwater.open({ dir });
  assert.deepEqual(await peer.store.collection('t').findByID('a'), { _id: 'a' });
  await peer.close();
});

test('peers that were opened and closed leave nothing behind', async () => {
  const dir = join(folder(), 'peer');
  const { code, stdout } = await runNode(`import { Headwater } from 'headwater';
    const openAndClose = async (count) => {
      for (let n = 0; n < count; n++) {
        const peer = await Headwater.open({ dir, relaxed: true });
        await peer.store.collection('t').upsert({ _id: 'a' });
        await peer.close();
      }
      global.gc();
      return process.memoryUsage();
    };
    await openAndClose(20);
    const before = await openAndClose(20);
    const after = await openAndClose(100);
    console.log(JSON.stringify([after.heapUsed - before.heapUsed, after.rss - before.rss]));`, { dir, flags: ['--expose-gc'] });
  assert.equal(code, 0);
  const [heap, rss] = JSON.parse(stdout);
  assert.ok(heap < 2 << 20 && rss < 16 << 20, stdout);
});
