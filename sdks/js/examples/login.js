// A user of an app logs in, as a program: `node login.js FOLDER SERVER PROVIDER TOKEN…`.
//
// It tries one token after another, says what came of each, writes once it is logged in, and logs in with the last token
// again whenever it is asked to. It ends when its input does.

import { Ditto, DittoConfig } from 'headwater/compat';

const [folder, url, provider, ...tokens] = process.argv.slice(2);
const ditto = await Ditto.open(new DittoConfig('default', { mode: 'server', url }, folder));

/**
 * @param {Ditto} asking
 * @param {string} token
 */
async function logIn(asking, token) {
  const { error } = await asking.auth.login(token, provider);
  return error?.code ?? 'logged in';
}

for (const token of tokens) {
  console.log(await logIn(ditto, token));
}
await ditto.auth.setExpirationHandler(async (asking) => {
  console.log(`again: ${await logIn(asking, tokens[tokens.length - 1])}`);
});
ditto.startSync();
console.log(String(await ditto.store.collection('people').upsert({ name: 'Susan' })));

process.stdin.resume().on('end', () => ditto.close());
