/**
 * Promise: what is written becomes one event at a server, and comes to whoever subscribes.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { Headwater } from 'headwater';
import { Authenticator, Ditto, DittoConfig } from 'headwater/compat';

import { PATIENCE_MS, Server, folder, freePort, loginHook, open, runNode, waitFor } from './support.js';

const WAIT = { timeoutMs: PATIENCE_MS };

test('two peers have the same, and hear what becomes of writes', async () => {
  const server = await Server.start();
  const [one, other] = await Promise.all([open({ server: server.url }), open({ server: server.url })]);
  for (const peer of [one, other]) {
    await peer.startSync();
    await peer.sync.registerSubscription('SELECT * FROM tasks');
  }
  const written = await one.store.collection('tasks').upsert({ _id: 'milk', done: false }, { n: 'counter' });
  assert.equal(await written.committed(WAIT), 1);
  assert.equal(await one.sync.flushed(WAIT), 1);
  assert.equal(await one.sync.pending(), 0);
  for await (const [task] of other.store.observe('SELECT * FROM tasks')) {
    if (task) {
      assert.deepEqual(task, { _id: 'milk', done: false });
      break;
    }
  }
  await other.store.collection('tasks').byID('milk').update((task) => task.at('done').set(true));
  await waitFor('the change', async () => (await one.store.collection('tasks').findByID('milk'))?.done);
  const events = await server.events(2);
  assert.deepEqual(events.map((it) => it.change.newValue.done), [false, true]);
  for await (const state of one.sync.states()) {
    if (state === 'live') {
      break;
    }
  }
  await one.stopSync();
  assert.equal(await one.sync.state(), 'stopped');
});

test('a peer without its server says so, and goes on once it is there', async () => {
  const port = await freePort();
  const peer = await open({ server: `http://127.0.0.1:${port}` });
  /** @type {string[]} */
  const states = [];
  const observer = peer.sync.observeState((state) => states.push(state));
  await peer.startSync();
  const written = await peer.store.collection('t').upsert({});
  await assert.rejects(written.committed({ timeoutMs: 1 }), { code: 'timed_out' });
  assert.match(await waitFor('the reason', () => peer.sync.lastError()), /./);
  await Server.start({ port });
  assert.equal(await written.committed(WAIT), 1);
  observer.cancel();
  assert.ok(states.includes('waiting') && states.includes('connecting'), states.join());
});

test('a subscription has its documents, and ends', async () => {
  const server = await Server.start();
  const peer = await open({ server: server.url });
  const subscription = await peer.store.collection('t').find('n > $args.n', { n: 1 }).subscribe();
  assert.equal(await subscription.isComplete(), false);
  await peer.startSync();
  await waitFor('its documents', () => subscription.isComplete());
  assert.equal(await subscription.refused(), undefined);
  await subscription.cancel();
  await peer.sync.registerSubscription('SELECT * FROM t');
  await assert.rejects(peer.sync.registerSubscription('SELECT * FROM t LIMIT 1'), { code: 'invalid_query' });
});

test('a write that the server refuses falls back, and is told', async () => {
  const server = await Server.start();
  const token = await server.key('reader', '--grant', 'default=read');
  const peer = await open({ server: server.url, token });
  /** @type {import('headwater').Rejected[]} */
  const told = [];
  peer.sync.onRejected((it) => told.push(it));
  await peer.startSync();
  const written = await peer.store.collection('t').upsert({ _id: 'a', n: 1 });
  await assert.rejects(written.committed(WAIT), { code: 'rejected' });
  const [rejected] = await waitFor('the refused write', () => told[0] && told);
  assert.deepEqual(rejected.documents, [{ collection: 't', id: 'a' }]);
  assert.deepEqual(rejected.values, [{ collection: 't', value: { _id: 'a', n: 1 } }]);
  assert.equal(rejected.sequence, written.sequence);
  assert.deepEqual(await peer.sync.rejected(), [rejected]);
  assert.equal(await peer.store.collection('t').findByID('a'), null);
  await peer.sync.forgetRejected(rejected.sequence);
  assert.deepEqual(await peer.sync.rejected(), []);
});

test('whoever has a newer token is asked for it', async () => {
  const server = await Server.start();
  const token = await server.key('device');
  let asked = 0;
  const tokenSource = async () => {
    asked++;
    return asked === 1 ? undefined : token;
  };
  const peer = await open({ server: server.url, token: 'none of its', tokenSource });
  await peer.startSync();
  const written = await peer.store.collection('t').upsert({});
  assert.equal(await written.committed(WAIT), 1);
  assert.ok(asked >= 2);

  const config = new DittoConfig('default', { mode: 'server', url: server.url }, join(folder(), 'ditto'));
  const ditto = await Ditto.open(config);
  after(() => ditto.close());
  await ditto.auth.loginWithToken('none of its');
  await ditto.auth.setExpirationHandler(async (it) => {
    const { error } = await it.auth.login(token);
    assert.equal(error, null);
  });
  /** @type {boolean[]} */
  const statuses = [];
  ditto.auth.observeStatus((status) => statuses.push(status.isAuthenticated));
  ditto.startSync();
  await waitFor('the connection', () => statuses.at(-1));
  await ditto.auth.logout();
  assert.equal(ditto.isSyncActive, false);
});

test('an older identity asks its handler for a token', async () => {
  const server = await Server.start();
  const token = await server.key('device');
  let isAsked = false;
  const ditto = new Ditto({
    type: 'onlineWithAuthentication', appID: 'default', customAuthURL: server.url,
    authHandler: {
      authenticationRequired: async (authenticator) => {
        isAsked = true;
        await authenticator.loginWithToken(token, Authenticator.DEVELOPMENT_PROVIDER);
      },
    },
  }, join(folder(), 'ditto'));
  after(() => ditto.close());
  await ditto.auth.loginWithToken('none of its');
  ditto.sync.start();
  const { store } = ditto;
  await store.collection('t').upsert({ _id: 'a' });
  await waitFor('the handler', () => isAsked);
  assert.equal((await server.events(1))[0].change.newValue._id, 'a');
});

test('a user logs in through the app\'s hook, and again when the token ends', async () => {
  const server = await Server.start();
  const hook = await loginHook((asked) => {
    const [userID, seconds] = asked.token.split(':');
    if (asked.provider !== 'own' || userID === 'nobody') {
      return { authenticate: false };
    }
    const all = { everything: true, queriesByCollection: {} };
    const own = { everything: false, queriesByCollection: { notes: [`_id.owner == '${userID}'`] } };
    return { authenticate: true, userID, expirationSeconds: Number(seconds), permissions: { read: own, write: all } };
  });
  await server.setLoginHook(hook);
  await server.key('closes-the-server');

  const peer = await open({ server: server.url, app: 'default' });
  await assert.rejects(peer.sync.login('nobody:60', 'own'), { code: 'rejected' });
  await assert.rejects(peer.sync.login('ann:60', 'other'), { code: 'rejected' });
  const { userId, expires } = await peer.sync.login('ann:60', 'own');
  assert.ok(userId === 'ann' && expires.getTime() > Date.now());
  await peer.startSync();
  await peer.sync.registerSubscription('SELECT * FROM notes');
  const own = await peer.store.collection('notes').upsert({ _id: { owner: 'ann', n: 1 } });
  assert.equal(await own.committed(WAIT), 1);
  const anothers = await peer.store.collection('notes').upsert({ _id: { owner: 'bob', n: 1 } });
  await assert.rejects(anothers.committed(WAIT), { code: 'rejected' });

  const config = new DittoConfig('default', { mode: 'server', url: server.url }, join(folder(), 'ditto'));
  const ditto = await Ditto.open(config);
  after(() => ditto.close());
  let logins = 0;
  await ditto.auth.setExpirationHandler(async (it) => {
    const { error } = await it.auth.login('ann:2', 'own');
    // One may still be asked when the test is over, and its server too.
    logins += error ? 0 : 1;
  });
  const { error } = await ditto.auth.login('nobody:60', 'own');
  assert.equal(error?.code, 'rejected');
  ditto.sync.registerSubscription('SELECT * FROM notes');
  ditto.startSync();
  // Two seconds each: the token is replaced before it ends, or the session ends with it; the handler knows no difference.
  await waitFor('another login', () => logins >= 2);
  assert.equal(ditto.auth.status.userID, 'ann');
  await waitFor('what ann has', async () => (await ditto.store.execute('SELECT * FROM notes')).items.length === 1);
});

test('a process that ends by itself first pushes to a server that is there', async () => {
  const server = await Server.start();
  const { code, stderr } = await runNode(`import { Ditto } from 'headwater/compat';
    const ditto = new Ditto({ type: 'onlinePlayground', appID: 'default', token: '' }, dir);
    ditto.startSync();
    ditto.store.collection('people').upsert({ name: 'Susan' });`, { env: { HEADWATER_URL: server.url } });
  assert.deepEqual([code, stderr], [0, '']);
  const dir = join(folder(), 'peer');
  const peer = await Headwater.open({ dir, server: server.url });
  after(() => peer.close());
  await peer.sync.registerSubscription('SELECT * FROM people');
  await peer.startSync();
  await waitFor('its document', async () => (await peer.store.execute('SELECT * FROM people')).items.length === 1);
});

test('a file that a document refers to comes to another peer', async () => {
  const server = await Server.start();
  const [one, other] = await Promise.all([open({ server: server.url }), open({ server: server.url })]);
  const bytes = new Uint8Array(300_000).map((_, n) => n * 7 % 251);
  const path = join(folder(), 'photo.jpg');
  writeFileSync(path, bytes);
  const photo = await one.store.newAttachment(path, { name: 'photo.jpg' });
  const small = await one.store.newAttachment(new TextEncoder().encode('hello'));
  assert.equal(small.token.id, 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ');
  const people = one.store.collection('people');
  await people.upsert({ _id: 'susan', photo: photo.token }, { photo: 'attachment' });
  const written = await people.update('susan', (susan) => susan.at('letter').attach(small.token));
  for (const peer of [one, other]) {
    await peer.startSync();
    await peer.sync.registerSubscription('SELECT * FROM people');
  }
  await written.committed(WAIT);
  const susan = await waitFor('the document', async () => other.store.collection('people').findByID('susan'));
  const fetched = await other.store.fetchAttachment(susan.photo);
  assert.deepEqual(new Uint8Array(await fetched.bytes()), bytes);
  assert.equal(fetched.token.metadata.name, 'photo.jpg');
  await fetched.copyTo(path + '.copy');
  await assert.rejects(other.store.fetchAttachment({ ...small.token, id: photo.token.id.replace(/./, 'A') }), { code: 'not_found' });
  await assert.rejects(one.store.newAttachment(join(folder(), 'none')), { code: 'invalid_value' });
  const stopped = new AbortController();
  stopped.abort();
  await assert.rejects(other.store.fetchAttachment(susan.letter, { signal: stopped.signal }), { name: 'AbortError' });

  const ditto = await Ditto.open(new DittoConfig('default', { mode: 'server', url: server.url }, join(folder(), 'ditto')));
  after(() => ditto.close());
  ditto.startSync();
  ditto.sync.registerSubscription('SELECT * FROM people');
  const own = await ditto.store.newAttachment(new TextEncoder().encode('own'), { type: 'text/plain' });
  await ditto.store.execute('INSERT INTO COLLECTION people (photo ATTACHMENT) DOCUMENTS (:it)', { it: { _id: 'ann', photo: own } });
  await ditto.store.collection('people').upsert({ _id: 'bob', photo: own });
  await ditto.store.collection('people').findByID('bob').update((bob) => bob.at('copy').set(own));
  const bob = await ditto.store.collection('people').findByID('bob');
  assert.deepEqual([bob?.at('copy').attachmentToken?.metadata, bob?.value.photo], [own.metadata, own.toJSON()]);
  await waitFor('the document', async () => (await ditto.store.collection('people').findByID('susan'))?.value);
  /** @type {string[]} */
  const told = [];
  const fetcher = ditto.store.fetchAttachment(susan.letter, ({ type }) => told.push(type));
  const letter = await fetcher.attachment;
  assert.equal(new TextDecoder().decode(await letter?.data()), 'hello');
  assert.ok(told.at(-1) === 'Completed' && fetcher.ended, told.join());
  const none = ditto.store.fetchAttachment({ ...own.token, id: own.id.replace(/./, 'A') }, ({ type }) => told.push(type));
  assert.deepEqual([await none.attachment, told.at(-1)], [null, 'Deleted']);
});
