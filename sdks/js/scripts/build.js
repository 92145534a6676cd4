/**
 * What `npm install <repository>/sdks/js` runs: builds the library for Node.js with Rust, and the one for browsers where
 * Debian's compiler is, which can.
 *
 * Invariants: where there is no Rust, what was built before stays, or it fails and says what is missing. npm fetches
 * nothing; cargo fetches the crates that Cargo.lock names, unless they are there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const library = fileURLToPath(new URL('../native/headwater.node', import.meta.url));

/** What builds the library for browsers: Debian's packages rustc-web, cargo-web and rust-web-src. */
const WEB_COMPILER = ['/usr/bin/cargo', '/usr/bin/rustc', '/usr/lib/rustlib/src/rust/library/Cargo.toml'];

/** A build for tests is quicker. */
const flags = process.env.HEADWATER_BUILD === 'debug' ? ['--debug'] : [];

if (!WEB_COMPILER.every((file) => existsSync(file))) {
  flags.push('--native');
  console.log('headwater: not built for browsers, since that needs these of Debian: rustc-web cargo-web rust-web-src lld');
}
const built = spawnSync('cargo', ['xtask', 'sdk', 'js', ...flags], { cwd: root, stdio: 'inherit' });
if (built.status !== 0 && !(built.error && existsSync(library))) {
  console.error(`headwater: ${built.error ? 'it is built with Rust (https://rustup.rs), and there is no cargo' : 'not built'}`);
  process.exitCode = 1;
}
