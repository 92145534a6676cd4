/**
 * Promise: what cannot be kept as it is is an error, and integers of 64 bits are kept.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decode, encode } from '../src/values.js';

/**
 * @param {unknown} value
 * @param {string} [text] which otherwise is JSON.stringify's
 */
function check(value, text = JSON.stringify({ value })) {
  assert.equal(encode({ value }), text);
}

/**
 * @param {unknown} value
 * @param {RegExp} message
 */
function refused(value, message) {
  assert.throws(() => encode({ value }), (error) => {
    assert.equal(/** @type {any} */ (error).code, 'invalid_value');
    assert.match(/** @type {any} */ (error).message, message);
    return true;
  });
}

test('plain values are as JSON says them', () => {
  check({ text: 'Ä\n"\\', number: -1.5e300, yes: true, no: null, list: [1, [2]], nested: { a: {} } });
  check({ left: undefined, here: [undefined, 1] }, '{"value":{"here":[null,1]}}');
  check(new Date(0), '{"value":"1970-01-01T00:00:00.000Z"}');
  check(Object.create(null, { a: { value: 1, enumerable: true } }));
  check(new (class Point { x = 1; })(), '{"value":{"x":1}}');
  check([new Number(1), new String('a'), new Boolean(false)], '{"value":[1,"a",false]}');
  check({ ['__proto__']: 1, own: 2 });
});

test('what is no value is refused', () => {
  const cyclic = /** @type {any} */ ({ list: [] });
  cyclic.list.push(cyclic);
  refused(cyclic, /holds itself/);
  refused(NaN, /NaN at "value"/);
  refused([Infinity], /Infinity/);
  refused(new Map([[1, 2]]), /a Map stands at "value"/);
  refused({ seen: new Set() }, /a Set stands at "seen"/);
  refused(() => 1, /a function/);
  refused({ mark: Symbol('a') }, /a symbol stands at "mark"/);
  refused(new Date(NaN), /date/);
  refused(/a/, /a RegExp/);
  refused(new Uint8Array(2), /a Uint8Array/);
  refused(Promise.resolve(1), /a Promise/);
  refused(new Error('a'), /an? Error/);
  refused('half \ud800', /surrogate/);
  refused({ '\udfff': 1 }, /surrogate/);
  assert.equal(encode({ value: '\\ud800 is six characters' }), '{"value":"\\\\ud800 is six characters"}');
});

test('BigInts within 64 bits are integers, beyond they are refused', () => {
  const value = { min: -(2n ** 63n), max: 2n ** 64n - 1n, list: [0n, undefined], at: new Date(0), text: 'a' };
  const text = '{"value":{"min":-9223372036854775808,"max":18446744073709551615,"list":[0,null],'
    + '"at":"1970-01-01T00:00:00.000Z","text":"a"}}';
  check(value, text);
  check({ a: 1n, b: undefined, c: new Number(2) }, '{"value":{"a":1,"c":2}}');
  check([1e20, -(2 ** 63), 2 ** 53, 1e21], '{"value":[1e+20,-9.223372036854776e+18,9.007199254740992e+15,1e+21]}');
  check([2 ** 53 - 1, -(2 ** 53 - 1)], '{"value":[9007199254740991,-9007199254740991]}');
  refused(2n ** 64n, /64 bits/);
  refused({ n: -(2n ** 63n) - 1n }, /64 bits/);
});

test('integers that a number cannot hold come as BigInts', () => {
  /** @type {[string, unknown][]} */
  const cases = [
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    ['18446744073709551615', 18446744073709551615n],
    ['0.1234567890123456789', 0.1234567890123456789],
    ['1234567890123456789.5', 1234567890123456789.5],
    ['1e20', 1e20],
    ['"9007199254740993"', '9007199254740993'],
    ['"\\"9007199254740993"', '"9007199254740993'],
    ['"\\u00009007199254740993"', '\u00009007199254740993'],
    ['["\\u00009007199254740993",9007199254740993]', ['\u00009007199254740993', 9007199254740993n]],
    ['{"9007199254740993":9007199254740993}', { '9007199254740993': 9007199254740993n }],
  ];
  for (const [text, value] of cases) {
    assert.deepEqual(decode(text), value, text);
  }
});

test('what is encoded is decoded', () => {
  for (const number of [2n ** 53n, 2n ** 53n + 1n, -(2n ** 60n), 2n ** 64n - 1n]) {
    assert.deepEqual(decode(encode({ number })), { number });
  }
});
