// Syncs what a folder has: `node flush.js FOLDER SERVER`. It ends when the server has everything, and prints the last
// transaction that it became.

import { Headwater } from 'headwater';

const [dir, server] = process.argv.slice(2);
const headwater = await Headwater.open({ dir, server });
await headwater.startSync();
const txn = await headwater.sync.flushed({ timeoutMs: 60_000 });
console.log(txn);
await headwater.close();
