/**
 * Every name that `sdks/table.json` says JavaScript has is there, in Node.js and in what a browser gets.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const table = JSON.parse(readFileSync(new URL('../../table.json', import.meta.url), 'utf8'));

const packages = {
  'in Node.js': { javascript: '../src/node/index.js', javascript_compat: '../src/node/compat.js' },
  'in a browser': { javascript: '../src/browser/index.js', javascript_compat: '../src/browser/compat.js' },
};

for (const [where, modules] of Object.entries(packages)) {
  for (const [column, path] of Object.entries(modules)) {
    const rows = table.calls.filter((/** @type {any} */ row) => row[column]);
    test(`${rows.length} names of ${column} are there ${where}`, async () => {
      const exported = await import(path);
      const missing = rows.map((/** @type {any} */ row) => row[column]).filter((/** @type {string} */ name) => !has(exported, name));
      assert.deepEqual(missing, []);
      assert.ok(rows.length > 0);
    });
  }
}

/**
 * @param {any} exported
 * @param {string} name `Class.method`, of the class or of its objects
 */
function has(exported, name) {
  const [of, method] = name.split('.');
  const type = exported[of];
  if (typeof type !== 'function') {
    return false;
  }
  return method === 'constructor' || method in type || method in type.prototype || fieldsOf(type).has(method);
}

/**
 * The fields that a class says its objects have.
 *
 * @param {Function} type
 */
function fieldsOf(type) {
  const lines = type.toString().matchAll(/^ {2}(?:this\.)?([A-Za-z]+)(?:;| = )|^ {4}this\.([A-Za-z]+) = /gm);
  return new Set([...lines].map(([, field, assigned]) => field ?? assigned));
}
