/**
 * Promise: the hand-written types hold for programs that use everything, and the sources agree with them.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { PACKAGE, run } from './support.js';

/**
 * @param {string} project
 */
async function check(project) {
  const modules = join(process.env.HEADWATER_TOOLS ?? '', 'node/node_modules');
  const args = [join(modules, 'typescript/bin/tsc'), '-p', project, '--typeRoots', join(modules, '@types')];
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: PACKAGE });
  assert.deepEqual([code, stderr, stdout], [0, '', '']);
}

test('the sources are typed', () => check('.'));

test('the tests and examples are typed', () => check('test'));

test('the list of tasks of examples/tasks is typed', () => check('../../examples/tasks'));

test('programs that use everything are typed, and the sources agree with the types', () => check('test/types'));

test('what browsers share knows nothing of Node.js', () => {
  const shared = ['src', 'src/compat'].flatMap((folder) =>
    readdirSync(join(PACKAGE, folder)).filter((it) => it.endsWith('.js')).map((it) => join(PACKAGE, folder, it)));
  assert.ok(shared.length > 20);
  for (const file of shared) {
    assert.doesNotMatch(readFileSync(file, 'utf8'), /from 'node:|\bprocess\.\w|\bBuffer\b|\brequire\(/, file);
  }
});
