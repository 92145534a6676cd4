/**
 * Runs the conformance vectors in a page. The site has the folder `sdks/js`, with `dist/headwater.wasm`, beside this one.
 *
 * Invariants: a page has no folders, and texts no other way than as objects: what needs them is not run.
 * Not here: who opens the page, and serves it (`crates/server/tests/browser_peers/vectors.rs`).
 */
import { openPort } from '../js/src/browser/port.js';
import { decode } from '../js/src/values.js';
import { runAll } from './driver.js';

/**
 * @param {string[]} paths of the files, `GROUP/FILE.json`
 * @param {string} server of transcripts
 */
export async function run(paths, server) {
  const files = await Promise.all(paths.map(fetched));
  let peers = 0;
  const newDir = () => `vectors-${peers++}`;
  return runAll(files, { openPort, decode, newDir, server, has: new Set() });
}

/**
 * @param {string} path
 */
async function fetched(path) {
  const [group, file] = path.split('/');
  const answer = await fetch(new URL(`vectors/${path}`, import.meta.url));
  if (!answer.ok) {
    throw new Error(`${path}: ${answer.status}`);
  }
  return { group, name: file.replace(/\.json$/, ''), text: await answer.text() };
}
