/**
 * What `npm install <repository>/sdks/js` runs: builds the library for Node.js with Rust, and the one for browsers where
 * Debian's compiler is, which can.
 *
 * Invariants: where there is no Rust, what was built before stays, or it fails and says what is missing. npm fetches
 * nothing; cargo fetches the crates that Cargo.lock names, unless they are there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const library = fileURLToPath(new URL('../native/headwater.node', import.meta.url));

/** What builds the library for browsers: Debian's packages rustc-web, cargo-web and rust-web-src. */
const WEB_COMPILER = ['/usr/bin/cargo', '/usr/bin/rustc', '/usr/lib/rustlib/src/rust/library/Cargo.toml'];

/** A build for tests is quicker, and for Node.js alone. */
const flags = process.env.HEADWATER_BUILD === 'debug' ? ['--debug', '--native'] : [];

if (flags.length === 0 && !WEB_COMPILER.every((file) => existsSync(file))) {
  flags.push('--native');
  console.log('headwater: not built for browsers, since that needs these of Debian: rustc-web cargo-web rust-web-src lld');
}
// As it was before npm added to it: cargo builds anew what an environment may change.
const own = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_') && name !== 'INIT_CWD');
const env = Object.fromEntries(own);
const isOurs = (/** @type {string} */ it) => !it.includes('node_modules') && !it.includes('node-gyp');
env.PATH = (env.PATH ?? '').split(delimiter).filter(isOurs).join(delimiter);
const built = spawnSync('cargo', ['xtask', 'sdk', 'js', ...flags], { cwd: root, stdio: 'inherit', env });
if (built.status !== 0 && !(built.error && existsSync(library))) {
  console.error(`headwater: ${built.error ? 'it is built with Rust (https://rustup.rs), and there is no cargo' : 'not built'}`);
  process.exitCode = 1;
}
