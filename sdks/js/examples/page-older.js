// The page's write in a program that opens in the older way: `node page-older.js FOLDER [SERVER]`.

import { Ditto, init } from 'headwater/compat';

const [folder, customAuthURL] = process.argv.slice(2);
await init();
const ditto = new Ditto({ type: 'onlinePlayground', appID: 'default', token: '', customAuthURL }, folder);
ditto.startSync();

const docID = await ditto.store.collection('people').upsert({
  name: 'Susan',
  age: 31,
})
console.log(docID) // "507f191e810c19729de860ea"
