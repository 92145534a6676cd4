/**
 * Promise: observers are told the current result first, then each newer one; none is told after `cancel`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { open, waitFor } from './support.js';

test('an observer is told the result now and whenever it is another', async () => {
  const { store } = await open();
  /** @type {any[][]} */
  const told = [];
  const observer = store.registerObserver('SELECT * FROM t WHERE n > :n', (items) => told.push(items), { n: 1 });
  await waitFor('the current result', () => told.length === 1);
  await store.collection('t').upsert({ _id: 'a', n: 2 });
  await waitFor('the newer result', () => told.at(-1)?.length === 1);
  assert.deepEqual([told[0], told.at(-1)], [[], [{ _id: 'a', n: 2 }]]);
  assert.equal(observer.isCancelled, false);
  observer.cancel();
  const count = told.length;
  await store.collection('t').upsert({ _id: 'b', n: 3 });
  await tellsOthers(store);
  assert.deepEqual([told.length, observer.isCancelled], [count, true]);
});

test('an observer that is cancelled before it was told never is', async () => {
  const { store } = await open();
  const observer = store.registerObserver('SELECT * FROM t', () => assert.fail('it was cancelled'));
  observer.cancel();
  observer.cancel();
  await tellsOthers(store);
});

test('an observer may end itself in its callback', async () => {
  const { store } = await open();
  let count = 0;
  const observer = store.registerObserver('SELECT * FROM t', () => {
    count++;
    observer.cancel();
  });
  await waitFor('the current result', () => count === 1);
  await store.collection('t').upsert({});
  await tellsOthers(store);
  assert.equal(count, 1);
});

test('a slow loop is told the newest result alone', async () => {
  const { store } = await open({ relaxed: true });
  const seen = [];
  for await (const items of store.observe('SELECT * FROM t')) {
    seen.push(items.length);
    if (seen.length === 1) {
      for (let n = 0; n < 50; n++) {
        await store.collection('t').upsert({ _id: n });
      }
      await tellsOthers(store);
    }
    if (items.length === 50) {
      break;
    }
  }
  assert.ok(seen.length < 10, `told ${seen.length} times`);
});

test('what is different is told by places', async () => {
  const tasks = (await open()).store.collection('tasks');
  /** @type {[any[], import('headwater').LocalEvent][]} */
  const told = [];
  const observer = tasks.find().sort('n').observeLocal((documents, event) => told.push([documents, event]));
  await waitFor('the current result', () => told.length === 1);
  assert.equal(told[0][1].isInitial, true);
  await tasks.upsert({ _id: 'a', n: 1 });
  await tasks.upsert({ _id: 'b', n: 2 });
  await waitFor('both', () => told.at(-1)?.[0].length === 2);
  const before = told.length;
  await tasks.update('b', (it) => it.at('n').set(0));
  const [documents, event] = await waitFor('the change', () => told[before]);
  assert.deepEqual(documents.map((it) => it._id), ['b', 'a']);
  assert.deepEqual([event.updates, event.insertions, event.deletions], [[0], [], []]);
  assert.deepEqual([event.moves, event.oldDocuments.length, event.isInitial], [[[0, 1], [1, 0]], 2, false]);
  observer.cancel();
});

test('loops end when they are left, and when the peer is closed', async () => {
  const peer = await open();
  for await (const items of peer.store.observe('SELECT * FROM t')) {
    assert.deepEqual(items, []);
    break;
  }
  let count = 0;
  const loop = (async () => {
    for await (const documents of peer.store.collection('t').find().stream()) {
      assert.deepEqual(documents, []);
      count++;
    }
  })();
  await waitFor('the first result', () => count === 1);
  await peer.close();
  await loop;
  await assert.rejects(async () => {
    for await (const _ of peer.store.observe('SELECT * FROM t')) {
      assert.fail('it is closed');
    }
  }, { code: 'closed' });
});

test('ten thousand observers leave nothing behind', async () => {
  const { store } = await open({ relaxed: true });
  await store.collection('t').upsert({ _id: 'a' });
  const makeAndCancel = async (/** @type {number} */ count) => {
    for (let n = 0; n < count; n += 100) {
      let told = 0;
      const observers = Array.from({ length: 100 }, () => store.registerObserver('SELECT * FROM t', () => told++));
      await waitFor('the results', () => told >= 100);
      observers.forEach((it) => it.cancel());
    }
    global.gc?.();
    return process.memoryUsage();
  };
  await makeAndCancel(2_000);
  const before = await makeAndCancel(2_000);
  const after = await makeAndCancel(10_000);
  const grown = { heap: after.heapUsed - before.heapUsed, rss: after.rss - before.rss };
  assert.ok(grown.heap < 4 << 20 && grown.rss < 16 << 20, JSON.stringify(grown));
});

/**
 * Waits until an observer that is made now was told: others that were to be told were told before.
 *
 * @param {import('headwater').Store} store
 */
async function tellsOthers(store) {
  for await (const _ of store.observe('SELECT * FROM others')) {
    return;
  }
}
