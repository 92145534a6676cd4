// A program that uses everything of `headwater`.

import {
  Change, Headwater, HeadwaterError, codes,
  type ChangeMessage, type Code, type Collection, type Config, type Document, type Executed, type Find, type LocalEvent,
  type Observer, type Rejected, type State, type Subscription, type Written,
} from 'headwater';

const config: Config = {
  dir: 'peer', server: 'https://shop.example', app: 'shop', token: 'key', caCertificates: ['pem'], strict: false, relaxed: true,
  tokenSource: async () => undefined,
};

export async function main(): Promise<void> {
  const headwater: Headwater = await Headwater.open(config);
  await headwater.startSync();
  const people: Collection = headwater.store.collection('people');
  const written: Written = await people.upsert({ name: 'Susan', age: 31 }, { age: 'counter' });
  const txn: number | undefined = await written.committed({ timeoutMs: 1_000 });
  const found: Document | null = await people.findByID(written.id);
  const changes: ChangeMessage[] = [Change.set('a', 1), Change.increment('b', 2n), Change.unset('c')];
  await people.update(written.id, changes);
  await people.update(written.id, (document) => document.at('address').at('city').set('Bern'));
  await people.byID('a').update((document) => {
    document.at('n').increment(1);
    document.at('m').unset();
    return;
  });
  await people.byID('a').subscribe();
  const adults: Find = people.find('age > $args.age', { age: 17 }).sort('name').sortDescending('age').offset(1).limit(10);
  const documents: Document[] = await adults.documents();
  const observer: Observer = adults.observeLocal((now, event: LocalEvent) => {
    const [from, to]: [number, number] = event.moves[0];
    return [now.length, from, to];
  });
  observer.cancel();
  for await (const items of headwater.store.observe('SELECT * FROM people', {})) {
    const first: any = items[0];
    console.log(first, txn, found, documents);
    break;
  }
  for await (const state of headwater.sync.states()) {
    const where: State = state;
    if (where === 'live') break;
  }
  const executed: Executed = await headwater.store.execute('SELECT * FROM people WHERE a = :a', { a: 1 });
  console.log(executed.items, executed.mutatedDocumentIDs);
  const { value } = await headwater.store.transaction(async (tx) => {
    const id = await tx.collection('orders').upsert({ what: 'tea' });
    await tx.execute('DELETE FROM orders WHERE _id = :id', { id });
    return (await tx.collection('orders').find()).length;
  });
  const count: number = value;
  const subscription: Subscription = await headwater.sync.registerSubscription('SELECT * FROM people');
  const complete: boolean = await subscription.isComplete();
  const refused: string | undefined = await subscription.refused();
  headwater.sync.onRejected((rejected: Rejected) => console.log(rejected.why, rejected.values[0]?.value));
  headwater.sync.tokenSource(() => 'key');
  headwater.sync.tokenSource(null);
  headwater.store.registerObserver('SELECT * FROM a', (items) => items.length, undefined, { onError: (it) => it.code });
  console.log(count, complete, refused, await headwater.sync.flushed(), await headwater.sync.lastError());
  try {
    await headwater.close();
  } catch (error) {
    if (error instanceof HeadwaterError) {
      const code: Code = error.code;
      const number: number = codes[code];
      console.log(number);
    }
  }
  // @ts-expect-error: there is no such option.
  await Headwater.open({ folder: 'peer' });
  // @ts-expect-error: peers are opened.
  new Headwater();
  // @ts-expect-error: there is no such code.
  new HeadwaterError('unknown', '');
}
