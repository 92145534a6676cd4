// The page's write, as a program: `node page.js FOLDER [SERVER]`. Without a server it writes all the same.

import { Ditto, DittoConfig } from 'headwater/compat';

const [folder, url] = process.argv.slice(2);
const ditto = await Ditto.open(new DittoConfig('default', { mode: 'server', url }, folder));
ditto.startSync();

const docID = await ditto.store.collection('people').upsert({
  name: 'Susan',
  age: 31,
})
console.log(docID) // "507f191e810c19729de860ea"
