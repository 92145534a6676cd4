/**
 * Promise: programs that use the vendor's names go on with `headwater/compat`.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inspect } from 'node:util';

import {
  Authenticator, Counter, Ditto, DittoConfig, DittoError, DocumentID, Logger, Register, TransportConfig, init,
} from 'headwater/compat';

import { folder, waitFor } from './support.js';

/** A peer without a server, which is closed after the tests. */
function open() {
  const ditto = new Ditto({ type: 'offlinePlayground', appID: 'app' }, join(folder(), 'ditto'));
  after(() => ditto.close());
  return ditto;
}

test('the page\'s write gives an id that prints as its text', async () => {
  const ditto = open();
  const docID = await ditto.store.collection('people').upsert({ name: 'Susan', age: 31 });
  assert.match(inspect(docID), /^[0-9a-f]{24}$/);
  assert.equal(`${docID}`, docID.value);
  assert.ok(docID.isEqualTo(docID.value) && docID instanceof DocumentID);
  const { items } = await ditto.store.execute('SELECT * FROM people WHERE _id = :docID', { docID });
  assert.equal(items[0].value.name, 'Susan');
});

test('a tasks app', async () => {
  const ditto = open();
  ditto.deviceName = 'till';
  ditto.setOfflineOnlyLicenseToken('any');
  await ditto.disableSyncWithV3();
  ditto.updateTransportConfig((config) => {
    config.setAllPeerToPeerEnabled(true);
    config.connect.websocketURLs.push('wss://elsewhere');
  });
  assert.ok(ditto.transportConfig instanceof TransportConfig && ditto.transportConfig.peerToPeer.lan.isEnabled);
  await ditto.store.execute('ALTER SYSTEM SET DQL_STRICT_MODE = false');
  await assert.rejects(ditto.store.execute('ALTER SYSTEM SET DQL_STRICT_MODE = true'), { code: 'unsupported' });
  ditto.startSync();
  assert.ok(ditto.isSyncActive && ditto.sync.isActive);

  const subscription = ditto.sync.registerSubscription('SELECT * FROM tasks WHERE done = :done', { done: false });
  /** @type {string[]} */
  const told = [];
  const observer = ditto.store.registerObserver('SELECT * FROM tasks ORDER BY title', (result) => {
    told.push(result.items.map((it) => it.value.title).join());
  });
  const task = { title: 'milk', done: false };
  const inserted = await ditto.store.execute('INSERT INTO tasks DOCUMENTS (:task)', { task });
  const [id] = inserted.mutatedDocumentIDs();
  await ditto.store.execute('UPDATE tasks SET title = :title WHERE _id = :id', { title: 'bread', id });
  await waitFor('the newer title', () => told.at(-1) === 'bread');
  const { items: [item] } = await ditto.store.execute('SELECT * FROM tasks');
  assert.equal(item.jsonString(), JSON.stringify(item.value));
  assert.equal(item.isMaterialized, true);
  assert.deepEqual((await ditto.store.execute('EVICT FROM tasks')).mutatedDocumentIDsV2(), [id.value]);
  assert.equal((await ditto.store.execute('DELETE FROM tasks')).mutatedDocumentIDs().length, 0);

  assert.deepEqual(ditto.store.observers, [observer]);
  observer.cancel();
  subscription.cancel();
  assert.ok(observer.isCancelled && subscription.isCancelled);
  assert.deepEqual(ditto.store.observers, []);
  ditto.stopSync();
  assert.equal(ditto.isSyncActive, false);
});

test('documents of the legacy language', async () => {
  const cars = open().store.collection('cars');
  for (const [_id, miles] of [['a', 3], ['b', 1], ['c', 2]]) {
    await cars.upsert({ _id, miles, owner: { name: `of ${_id}` } });
  }
  const found = await cars.find('miles > $args.least', { least: 1 }).sort('miles', 'descending').limit(2);
  assert.deepEqual(found.map((it) => it._id), ['a', 'c']);
  assert.equal(found[0].at('owner').at('name').value, 'of a');
  assert.equal(found[0].at('owner.name').value, 'of a');
  assert.equal(found[0].value.miles, 3);
  assert.deepEqual((await cars.findAll().sort('miles').offset(1).exec()).map((it) => `${it.id}`), ['c', 'a']);
  const one = await cars.findByID(new DocumentID('b'));
  assert.equal(one?.at('miles').counter?.value, 1);
  assert.equal(await cars.findByID('nobody').exec(), undefined);

  const results = await cars.findByID('a').update((car) => {
    car.at('miles').set(4);
    car.at('tags').set(['red']);
    car.owner.name = 'Susan';
    assert.equal(car.owner.name, 'of a');
    delete car.owner.none;
    car.at('trips').counter.increment(2);
  });
  assert.deepEqual(results.map((it) => it.path), ['miles', 'tags', 'owner.name', 'owner.none', 'trips']);
  const value = { _id: 'a', miles: 4, tags: ['red'], owner: { name: 'Susan' }, trips: 2 };
  assert.deepEqual((await cars.findByID('a'))?.value, value);
  const all = await cars.find('miles < 4').update((them) => them.forEach((it) => { it.seen = true; }));
  assert.deepEqual(all.keys().map(String).sort(), ['b', 'c']);
  assert.equal(all.get('b')[0].type, 'set');
  assert.deepEqual(await cars.findByID('nobody').update(() => assert.fail('there is none')), []);

  assert.equal(await cars.findByID('b').remove(), true);
  assert.equal(await cars.findByID('b').remove(), false);
  assert.equal(await cars.findByID('c').evict(), true);
  assert.deepEqual((await cars.findAll().remove()).map(String), ['a']);
  assert.deepEqual(await cars.findAll().evict(), []);
});

test('counters, registers and the ways to write', async () => {
  const stock = open().store.collection('stock');
  await stock.upsert({ _id: 'tea', left: new Counter(5), place: new Register({ shelf: 1 }) });
  await stock.findByID('tea').update((tea) => {
    tea.at('left').counter.increment(-1);
    tea.at('sold').replaceWithCounter();
    tea.at('broken').set(new Counter());
  });
  const tea = { _id: 'tea', left: 4, place: { shelf: 1 }, sold: 0, broken: 0 };
  assert.deepEqual((await stock.findByID('tea'))?.value, tea);
  for (const writeStrategy of /** @type {const} */ (['insertIfAbsent', 'insertDefaultIfAbsent'])) {
    assert.equal(`${await stock.upsert({ _id: 'tea', left: 0 }, { writeStrategy })}`, 'tea');
  }
  assert.deepEqual((await stock.findByID('tea'))?.value, tea);
  await stock.upsert({ _id: 'tea', place: { shelf: 2 } }, { writeStrategy: 'updateDifferentValues' });
  assert.equal((await stock.findByID('tea'))?.at('place.shelf').value, 2);
  assert.match(`${await stock.upsert({ n: 1 }, { writeStrategy: 'insertIfAbsent' })}`, /^[0-9a-f]{24}$/);
});

test('what cannot be changed in a document says so', async () => {
  const cars = open().store.collection('cars');
  await cars.upsert({ _id: 'a', tags: ['red'] });
  await assert.rejects(cars.findByID('a').update((car) => { /** @type {any} */ (car)._id = 'b'; }), { code: 'invalid_value' });
  await assert.rejects(cars.findByID('a').update((car) => car.tags.push('blue')), TypeError);
  assert.deepEqual((await cars.findByID('a'))?.value, { _id: 'a', tags: ['red'] });
});

test('observers of the legacy language', async () => {
  const cars = open().store.collection('cars');
  /** @type {any[]} */
  const told = [];
  const query = cars.findAll().sort('n').observeLocal((documents, event) => told.push([documents, event]));
  await waitFor('the current result', () => told.length === 1);
  assert.deepEqual([told[0][0], told[0][1].isInitial], [[], true]);
  await cars.upsert({ _id: 'a', n: 1 });
  const [documents, event] = await waitFor('the newer result', () => told[1]);
  assert.deepEqual([documents[0]._id, event.insertions, event.deletions, event.moves], ['a', [0], [], []]);
  query.stop();
  assert.equal(query.isStopped, true);

  /** @type {(() => void)[]} */
  const signals = [];
  /** @type {any[]} */
  const seen = [];
  const one = cars.findByID('a').observeLocalWithNextSignal((document, change, signalNext) => {
    seen.push([document?.value.n, change.isInitial, change.oldDocument?.value.n]);
    signals.push(signalNext);
  });
  await waitFor('the document', () => seen.length === 1);
  await cars.upsert({ _id: 'a', n: 2 });
  await cars.upsert({ _id: 'a', n: 3 });
  await waitFor('others, which are told', () => told.length > 0);
  assert.equal(seen.length, 1, 'it has not said that it is ready');
  await waitFor('the newest', () => {
    signals.splice(0).forEach((it) => it());
    return seen.at(-1)[0] === 3;
  });
  assert.deepEqual([seen[0], seen[1][1]], [[1, true, undefined], false]);
  one.cancel();
});

test('a statement\'s observer is told when it says that it is ready', async () => {
  const { store } = open();
  let ready = () => {};
  let count = 0;
  const observer = store.registerObserverWithSignalNext('SELECT * FROM t', (_, signalNext) => {
    count++;
    ready = signalNext;
  });
  await waitFor('the current result', () => count === 1);
  await store.collection('t').upsert({});
  assert.equal(count, 1);
  ready();
  await waitFor('the newer one', () => count === 2);
  observer.cancel();
  await store.collection('t').upsert({});
  ready();
});

test('write transactions', async () => {
  const { store } = open();
  const results = await store.write(async (tx) => {
    const cars = tx.scoped('cars');
    const owner = await tx.scoped('people').upsert({ name: 'Susan' });
    await cars.upsert({ _id: 'a', owner });
    await cars.findByID('a').update((car) => car.at('n').set(1));
    assert.equal((await cars.findByID('a'))?.value.n, 1);
    assert.equal((await cars.find('n == 1')).length, 1);
    await cars.upsert({ _id: 'b' });
    assert.deepEqual((await cars.findAll().sort('_id', 'descending').limit(1)).map((it) => it._id), ['b']);
    assert.equal(await cars.findByID('b').remove(), true);
  });
  assert.deepEqual(results.map((it) => it.type), ['inserted', 'inserted', 'updated', 'inserted', 'removed']);
  const names = await store.collectionNames();
  assert.deepEqual(names.sort(), ['cars', 'people']);
  assert.equal((await store.collections()).length, 2);
  await assert.rejects(store.write(async (tx) => {
    await tx.scoped('cars').upsert({ _id: 'c' });
    throw new RangeError('no');
  }), RangeError);
  assert.equal((await store.collection('cars').findByID('c')), undefined);

  const kept = await store.transaction(async (tx) => {
    await tx.execute('INSERT INTO cars DOCUMENTS (:car)', { car: { _id: 'd' } });
    return (await tx.execute('SELECT * FROM cars')).items.length;
  });
  assert.equal(kept, 2);
  await store.transaction(async (tx) => {
    await tx.execute('DELETE FROM cars');
    return 'rollback';
  });
  assert.equal((await store.collection('cars').findAll()).length, 2);
});

test('who is there is this peer alone', async () => {
  const ditto = open();
  /** @type {import('headwater/compat').PresenceGraph[]} */
  const graphs = [];
  const observer = ditto.presence.observe((graph) => graphs.push(graph));
  await waitFor('the graph', () => graphs.length === 1);
  assert.deepEqual(graphs[0].remotePeers, []);
  assert.equal(graphs[0].localPeer.isConnectedToDittoCloud, false);
  observer.stop();
  ditto.observePeers(() => {}).stop();
  ditto.observeTransportConditions(() => {}).stop();
});

test('what there is to open is said, and what is wrong is said at once', async () => {
  await init();
  const dir = join(folder(), 'ditto');
  const identity = /** @type {const} */ ({ type: 'onlinePlayground', appID: 'app', token: '' });
  assert.throws(() => new Ditto(/** @type {any} */ ({ type: 'sharedKey' }), dir), { code: 'unsupported' });
  assert.throws(() => new Ditto({ ...identity, customAuthURL: 'ftp://a' }, dir), { code: 'invalid_server' });
  const ditto = new Ditto(identity, dir);
  assert.throws(() => new Ditto(identity, dir), (error) => error instanceof DittoError && error.code === 'in_use');
  assert.throws(() => ditto.sync.registerSubscription('SELECT'), { code: 'invalid_query' });
  assert.throws(() => ditto.store.registerObserver('SELECT', () => {}), { code: 'invalid_query' });
  await ditto.close();
  await ditto.close();
  assert.ok(ditto.isClosed);
  assert.throws(() => ditto.startSync(), { code: 'closed' });
  ditto.stopSync();
  await assert.rejects(ditto.store.collection('a').upsert({}), { code: 'closed' });

  const newer = await Ditto.open(new DittoConfig('app', { mode: 'smallPeersOnly' }, dir));
  assert.equal(newer.auth.loginSupported, false);
  await newer.close();
  const unknown = new DittoConfig('app', /** @type {any} */ ({ mode: 'mesh' }), dir);
  await assert.rejects(Ditto.open(unknown), { code: 'unsupported' });
  assert.equal(typeof Authenticator.DEVELOPMENT_PROVIDER, 'string');
});

test('what an app logs is printed as it says', async () => {
  /** @type {string[]} */
  const lines = [];
  await Logger.setCustomLogCallback((level, message) => lines.push(`${level} ${message}`));
  Logger.minimumLogLevel = 'Info';
  Logger.debug('no');
  Logger.info('yes');
  Logger.enabled = false;
  Logger.error('no');
  assert.deepEqual(lines, ['Info yes']);
});
