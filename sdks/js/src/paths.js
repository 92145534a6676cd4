/**
 * Paths to places in documents, as text: `a.b`, `a['b-c']`, `a[0]`.
 *
 * Not here: what a path means (docs/reference/query-language.md, "Fields").
 */

/**
 * The path of a field of what stands at `path`, which is empty for the document.
 *
 * @param {string} path
 * @param {string | number} step
 */
export function join(path, step) {
  if (typeof step === 'number') {
    return `${path}[${step}]`;
  }
  if (step !== '' && !/[\s\p{Cc}.[\]'"`]/u.test(step)) {
    return path === '' ? step : `${path}.${step}`;
  }
  return `${path}['${step.replace(/[\\']/g, '\\$&')}']`;
}

/**
 * The steps of a path. Nothing is said of faults in it: the library behind the port finds them.
 *
 * @param {string} path
 * @returns {(string | number)[]}
 */
export function steps(path) {
  const found = path.matchAll(/\[(\d+)\]|\['((?:\\.|[^'\\])*)'\]|\["((?:\\.|[^"\\])*)"\]|([^.[\]]+)/g);
  return Array.from(found, ([, index, single, double, bare]) => {
    if (index !== undefined) {
      return Number(index);
    }
    return bare ?? (single ?? double ?? '').replace(/\\(.)/g, '$1');
  });
}

/**
 * What stands at a path in a value, if something does.
 *
 * @param {any} value
 * @param {string} path
 * @returns {any}
 */
export function lookUp(value, path) {
  let at = value;
  for (const step of steps(path)) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) {
      return undefined;
    }
    at = at[step];
  }
  return at;
}
