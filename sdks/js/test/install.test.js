/**
 * Promise: one command installs the package from the repository into a program; npm fetches nothing.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { PACKAGE, folder, run } from './support.js';

/** It builds what is not built yet. */
const BUILD_MS = 1_800_000;

test('npm install PATH, and a program imports it and writes', async () => {
  const app = folder();
  writeFileSync(join(app, 'package.json'), '{"private": true, "type": "module"}');
  const env = { ...process.env, HEADWATER_BUILD: 'debug', npm_config_offline: 'true', npm_config_audit: 'false' };
  const installed = await run('npm', ['install', PACKAGE], { cwd: app, env }, BUILD_MS);
  assert.equal(installed.code, 0, installed.stdout + installed.stderr);
  writeFileSync(join(app, 'app.js'), `
    import { Headwater } from 'headwater';
    import { Ditto } from 'headwater/compat';
    const peer = await Headwater.open({ dir: 'peer' });
    const { id } = await peer.store.collection('people').upsert({ _id: 'susan' });
    console.log(id, typeof Ditto.open);`);
  const program = await run(process.execPath, ['app.js'], { cwd: app });
  assert.deepEqual([program.code, program.stdout, program.stderr], [0, 'susan function\n', '']);
  const required = await run(process.execPath, ['--eval', "console.log(typeof require('headwater').Headwater.open)"], { cwd: app });
  assert.deepEqual([required.code, required.stdout], [0, 'function\n'], required.stderr);
});
