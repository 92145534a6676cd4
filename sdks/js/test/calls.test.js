/**
 * Promise: each call of the package's own API does what README.md says.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Change, Headwater, HeadwaterError, codes } from 'headwater';

import { open } from './support.js';

test('documents are written, read, changed, removed and evicted', async () => {
  const { store } = await open();
  const people = store.collection('people');
  const written = await people.upsert({ name: 'Susan', age: 31 });
  assert.match(written.id, /^[0-9a-f]{24}$/);
  assert.equal(typeof written.sequence, 'number');
  assert.deepEqual(await people.findByID(written.id), { _id: written.id, name: 'Susan', age: 31 });
  assert.equal(await people.findByID('nobody'), null);

  const changes = [Change.set('age', 32), Change.increment('visits', 2), Change.unset('name')];
  assert.deepEqual((await people.update(written.id, changes)).ids, [written.id]);
  assert.deepEqual(await people.byID(written.id).get(), { _id: written.id, age: 32, visits: 2 });
  await people.byID(written.id).update((it) => {
    assert.equal(it.at('visits').value, 2);
    it.at('visits').increment(1);
    it.at('address').at('city-name').set('Bern');
  });
  const changed = { _id: written.id, age: 32, visits: 3, address: { 'city-name': 'Bern' } };
  assert.deepEqual(await people.findByID(written.id), changed);
  assert.equal((await people.update('nobody', () => assert.fail('there is none'))).sequence, undefined);
  assert.deepEqual((await people.remove(written.id)).ids, [written.id]);
  assert.deepEqual((await people.remove(written.id)).ids, []);

  await people.upsert({ _id: { tenant: 1, n: 2 }, a: 1 });
  assert.equal(await people.evict({ n: 2, tenant: 1 }), true);
  assert.equal(await people.evict({ n: 2, tenant: 1 }), false);
});

test('documents are found by conditions', async () => {
  const cars = (await open()).store.collection('cars');
  await Promise.all([1, 2, 3, 4].map((n) => cars.upsert({ _id: n, n, even: n % 2 === 0 })));
  const ids = (/** @type {any[]} */ found) => found.map((it) => it._id);
  assert.deepEqual(ids(await cars.find().sortDescending('n').documents()), [4, 3, 2, 1]);
  assert.deepEqual(ids(await cars.find('even == $args.even', { even: true }).sort('n').documents()), [2, 4]);
  assert.deepEqual(ids(await cars.find().sort('even').sortDescending('n').offset(1).limit(2).documents()), [1, 4]);
  const changed = await cars.find('even == true').update([Change.set('even', 'yes')]);
  assert.deepEqual(changed.ids.sort(), [2, 4]);
  await cars.find('n > 2').sort('n').update(([three, four]) => {
    three.at('next').set(four.id);
  });
  assert.equal((await cars.findByID(3))?.next, 4);
  assert.deepEqual((await cars.find('n == 3').remove()).ids, [3]);
  assert.deepEqual(await cars.find('n == 4').evict(), [4]);
  assert.deepEqual(ids(await cars.find().sort('n').documents()), [1, 2]);
});

test('statements run, with arguments', async () => {
  const { store } = await open();
  const inserted = await store.execute('INSERT INTO tasks DOCUMENTS (:task)', { task: { _id: 'milk', done: false } });
  assert.deepEqual(inserted.mutatedDocumentIDs, ['milk']);
  const updated = await store.execute('UPDATE tasks SET done = :done WHERE _id = :id', { done: true, id: 'milk' });
  assert.deepEqual([updated.ids, updated.items], [['milk'], []]);
  const { items, sequence } = await store.execute('SELECT * FROM tasks');
  assert.deepEqual([items, sequence], [[{ _id: 'milk', done: true }], undefined]);
});

test('a transaction is written whole or not at all', async () => {
  const { store } = await open();
  const { value, written } = await store.transaction(async (tx) => {
    const order = await tx.collection('orders').upsert({ what: 'tea' });
    await tx.collection('stock').upsert({ _id: 'tea', left: 12 }, { left: 'counter' });
    assert.equal(await tx.collection('stock').update('tea', (it) => it.at('left').increment(-1)), true);
    assert.equal(await tx.collection('stock').update('coffee', [Change.set('left', 1)]), false);
    assert.deepEqual(await tx.collection('stock').findByID('tea'), { _id: 'tea', left: 11 });
    assert.deepEqual(await tx.execute('SELECT * FROM stock'), [{ _id: 'tea', left: 11 }]);
    assert.equal((await tx.collection('stock').find('left == $args.n', { n: 11 })).length, 1);
    assert.equal(await tx.collection('stock').remove('coffee'), false);
    return order;
  });
  assert.equal(written.ids.length, 2);
  assert.equal((await store.collection('orders').findByID(value))?.what, 'tea');

  const failed = store.transaction(async (tx) => {
    await tx.collection('orders').upsert({ what: 'nothing' });
    throw new RangeError('no');
  });
  await assert.rejects(failed, RangeError);
  assert.equal((await store.collection('orders').find().documents()).length, 1);
});

test('more calls than there is room for wait for each other, in a transaction too', async () => {
  const { store } = await open({ relaxed: true });
  const many = store.collection('many');
  const all = Array.from({ length: 3_000 }, (_, n) => n);
  const transaction = store.transaction(async (tx) => {
    await Promise.all(all.map((n) => tx.collection('many').upsert({ _id: `t${n}` })));
  });
  const writes = all.map((n) => many.upsert({ _id: `w${n}` }));
  await Promise.all([transaction, ...writes]);
  assert.equal((await many.find().documents()).length, 6_000);
});

test('errors have codes', async () => {
  const { store } = await open();
  const people = store.collection('people');
  /** @type {[() => Promise<unknown>, string][]} */
  const cases = [
    [() => store.execute('SELEC'), 'invalid_query'],
    [() => people.find('a ==').documents(), 'invalid_query'],
    [() => people.upsert(/** @type {any} */ (1)), 'invalid_value'],
    [() => people.upsert({ _id: null }), 'invalid_value'],
    [() => people.upsert({ n: NaN }), 'invalid_value'],
    [() => people.update('a', [Change.set('..', 1)]), 'invalid_value'],
    [() => store.collection('').upsert({}), 'invalid_value'],
    [() => store.collection('__a').upsert({}), 'not_allowed'],
    [() => people.findByID(undefined), 'invalid_message'],
    [() => people.upsert({ text: 'x'.repeat(20 << 20) }), 'too_large'],
  ];
  for (const [call, code] of cases) {
    await assert.rejects(call(), (error) => {
      assert.ok(error instanceof HeadwaterError && error instanceof Error && error.message !== '');
      assert.equal(error.code, code, error.message);
      assert.ok(error.code in codes);
      return true;
    });
  }
  await store.execute('INSERT INTO people DOCUMENTS ({"_id": "a"})');
  await assert.rejects(store.execute('INSERT INTO people DOCUMENTS ({"_id": "a"})'), { code: 'exists' });
  assert.throws(() => store.registerObserver('SELEC', () => {}), { code: 'invalid_query' });
  await assert.rejects(Headwater.open(/** @type {any} */ ({ folder: 'a' })), { code: 'unsupported' });
  await assert.rejects(Headwater.open(/** @type {any} */ ({})), { code: 'invalid_message' });
  await assert.rejects(Headwater.open({ dir: '/proc/nowhere' }), { code: 'open_failed' });
  await assert.rejects(open({ server: 'ftp://a' }), { code: 'invalid_server' });
  const { sync } = await open();
  await assert.rejects(sync.start(), { code: 'no_server' });
});

test('large and small numbers, dates and missing fields are kept as they can be', async () => {
  const values = (await open()).store.collection('values');
  const at = new Date();
  await values.upsert({ _id: 1, big: 2n ** 63n, small: -(2n ** 63n), at, left: undefined, list: [undefined], far: 2 ** 60 });
  const kept = { _id: 1, big: 2n ** 63n, small: -(2n ** 63n), far: 2 ** 60, at: at.toISOString(), list: [null] };
  assert.deepEqual(await values.findByID(1), kept);
  const text = 'ä€😀'.repeat(100_000);
  await values.upsert({ _id: 2, text });
  assert.equal((await values.findByID(2))?.text, text);
});
