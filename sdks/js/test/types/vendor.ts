// A program that uses the vendor's names.

import {
  Authenticator, Counter, Ditto, DittoConfig, DittoError, DocumentID, Logger, Register, TransportConfig, init,
  type Collection, type Document, type DQLQueryArguments, type Identity, type IdentityOnlinePlayground, type LiveQuery,
  type LiveQueryEvent, type MutableDocument, type PresenceGraph, type QueryResult, type QueryResultItem, type StoreObserver,
  type Subscription, type SyncSubscription,
} from 'headwater/compat';

const identity: IdentityOnlinePlayground = {
  type: 'onlinePlayground', appID: 'app', token: 'key', customAuthURL: 'https://shop.example', enableDittoCloudSync: false,
};

export async function older(): Promise<void> {
  await init();
  const any: Identity = identity;
  const ditto = new Ditto(any, '/path');
  ditto.setTransportConfig(new TransportConfig());
  ditto.startSync();
  const cars: Collection = ditto.store.collection('cars');
  const id: DocumentID = await cars.upsert({ name: 'a', miles: new Counter(), owner: new Register({}) });
  const found: Document[] = await cars.find('a == $args.a', { a: 1 }).sort('b', 'descending').limit(1);
  const one: Document | undefined = await cars.findByID(id);
  console.log(found[0]?.at('a').value, one?.value.name, one?.id.toString());
  await cars.findByID(id).update((car: MutableDocument) => {
    car.at('miles').counter.increment(1);
    car.owner = 'Susan';
  });
  const query: LiveQuery = cars.findAll().observeLocal((documents, event: LiveQueryEvent) => {
    console.log(documents.length, event.moves[0]?.from, event.insertions);
  });
  query.stop();
  const subscription: Subscription = cars.findAll().subscribe();
  subscription.cancel();
  await ditto.store.write(async (tx) => {
    const owner = await tx.scoped('people').upsert({});
    await tx.scoped('cars').findByID(owner).remove();
  });
  console.log((await ditto.store.collections()).map((it) => it.name), await ditto.store.collectionNames());
  ditto.stopSync();
  await ditto.close();
}

export async function newer(): Promise<QueryResultItem[]> {
  const ditto = await Ditto.open(new DittoConfig('app', { mode: 'server', url: 'https://shop.example' }, 'dir'));
  await ditto.auth.setExpirationHandler(async (it, seconds: number) => {
    const { error } = await it.auth.login(`${seconds}`, Authenticator.DEVELOPMENT_PROVIDER);
    if (error instanceof DittoError) Logger.error(error.code);
  });
  ditto.updateTransportConfig((config) => {
    config.setAllPeerToPeerEnabled(false);
    config.connect.websocketURLs.push('wss://shop.example');
  });
  await ditto.disableSyncWithV3();
  ditto.sync.start();
  const args: DQLQueryArguments = { done: false };
  const subscription: SyncSubscription = ditto.sync.registerSubscription('SELECT * FROM tasks WHERE done = :done', args);
  const observer: StoreObserver = ditto.store.registerObserver('SELECT * FROM tasks', (result: QueryResult) => {
    console.log(result.items.map((it) => it.value.title), result.mutatedDocumentIDs()[0]?.value);
  }, args);
  ditto.store.registerObserverWithSignalNext('SELECT * FROM tasks', (_, signalNext) => signalNext());
  const presence = ditto.presence.observe((graph: PresenceGraph) => graph.remotePeers.length);
  presence.stop();
  observer.cancel();
  subscription.cancel();
  const items = await ditto.store.transaction(async (tx) => (await tx.execute('SELECT * FROM tasks')).items);
  ditto.sync.stop();
  return items;
}

// @ts-expect-error: a server has keys, and no shared ones.
export const sharedKey: Identity = { type: 'sharedKey', sharedKey: 'a' };
