/**
 * Runs the conformance vectors in Node.js: `node sdks/conformance/node.js [the folder of the JavaScript SDK]`. With
 * HEADWATER_VECTORS_SERVER, where `cargo run -p conformance -- serve` listens, those of sync and merge too.
 *
 * Invariants: it exits with 0 only if no case failed.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runAll } from './driver.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const sdk = resolve(process.argv[2] ?? join(here, '../js'));
const { openPort } = await import(pathToFileURL(join(sdk, 'src/node/port.js')).href);
const { decode } = await import(pathToFileURL(join(sdk, 'src/values.js')).href);

const vectors = join(here, 'vectors');
const files = readdirSync(vectors).sort().flatMap((group) =>
  readdirSync(join(vectors, group)).sort().map((file) => ({
    group,
    name: basename(file, '.json'),
    text: readFileSync(join(vectors, group, file), 'utf8'),
  })),
);

const folder = mkdtempSync(join(tmpdir(), 'headwater-conformance-'));
let peers = 0;
const newDir = () => join(folder, String(peers++));
const server = process.env.HEADWATER_VECTORS_SERVER;
const { lines, failed } = await runAll(files, { openPort, decode, newDir, server, has: new Set(['native']) });
rmSync(folder, { recursive: true });
console.log(lines.join('\n'));
process.exitCode = failed === 0 ? 0 : 1;
