/**
 * The driver of the conformance vectors for JavaScript, over a port (`sdks/js/src/port.js`): the same in Node.js and in
 * a browser. README.md says what the vectors mean.
 *
 * Invariants: what is not run is counted as not run; a case that throws has failed, and the others go on.
 * Not here: where the files come from (`node.js`; a browser's page fetches them).
 */

/** How long an event is waited for, and what `until` asks for. */
const EVENT_WAIT_MS = 20_000;
const UNTIL_PAUSE_MS = 5;

/**
 * @typedef {object} Host
 * @property {(config: {[name: string]: any}) => Promise<any>} openPort
 * @property {(text: string) => any} decode reads JSON, with integers of 64 bits
 * @property {() => string} newDir a `dir` that no peer had
 * @property {Set<string>} has what cases may need
 * @property {string} [server] where `cargo run -p conformance -- serve` listens; without it no transcripts are run
 *
 * @typedef {object} VectorFile
 * @property {string} group
 * @property {string} name
 * @property {string} text
 *
 * @typedef {{passed: number, failed: string[], notRun: Map<string, number>}} Group
 */

/**
 * Does every case that it can.
 *
 * @param {VectorFile[]} files
 * @param {Host} host
 * @returns {Promise<{lines: string[], passed: number, failed: number}>} what is to be printed
 */
export async function runAll(files, host) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (const { group: name, name: file, text } of files) {
    const group = groups.get(name) ?? { passed: 0, failed: [], notRun: new Map() };
    groups.set(name, group);
    const body = host.decode(text);
    const kind = kinds[/** @type {keyof typeof kinds} */ (body.kind)];
    if (!kind) {
      notRun(group, body.kind, body.cases.length);
      continue;
    }
    await runFile(group, `${name}/${file}`, body, kind, host);
  }
  return report(groups);
}

/**
 * @param {Group} group
 * @param {string} path
 * @param {any} body
 * @param {Kind} kind
 * @param {Host} host
 */
async function runFile(group, path, body, kind, host) {
  const shared = kind.prepare ? await kind.prepare(body, host) : undefined;
  for (const [place, it] of body.cases.entries()) {
    const need = it.needs && !host.has.has(it.needs) ? it.needs : kind.needs?.(it, host);
    if (need) {
      notRun(group, need, 1);
      continue;
    }
    try {
      await kind.run(it, host, shared, `${path.split('/')[1]}-${place}`);
      group.passed++;
    } catch (error) {
      group.failed.push(`${path}: ${it.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  await shared?.close();
}

/**
 * @param {Group} group
 * @param {string} what
 * @param {number} count
 */
function notRun(group, what, count) {
  group.notRun.set(what, (group.notRun.get(what) ?? 0) + count);
}

/**
 * @param {Map<string, Group>} groups
 */
function report(groups) {
  const lines = [];
  let passed = 0;
  let failed = 0;
  for (const [name, group] of groups) {
    lines.push(...group.failed.map((it) => `FAILED ${it}`));
    lines.push(`${name}: ${group.passed} passed, ${group.failed.length} failed`);
    lines.push(...[...group.notRun].map(([what, count]) => `${name}: ${count} of ${what} not run`));
    passed += group.passed;
    failed += group.failed.length;
  }
  lines.push(`${passed} passed, ${failed} failed`);
  return { lines, passed, failed };
}

/**
 * @typedef {object} Kind
 * @property {(it: any, host: Host, shared: any, place: string) => Promise<void>} run
 * @property {(body: any, host: Host) => Promise<any>} [prepare] what all cases of a file ask
 * @property {(it: any, host: Host) => string | undefined} [needs] what a case needs that is not there
 */

/** @type {{[kind: string]: Kind}} */
const kinds = {
  messages: {
    prepare: (body, host) => openedFor(body, host),
    needs: (it) => (it.json === undefined || it.needs === 'bytes' ? 'bytes' : undefined),
    run: runMessage,
  },
  queries: { prepare: openedFor, run: runQuery },
  script: { run: runScript },
  transcripts: { needs: (_, host) => (host.server ? undefined : 'transcripts'), run: runTranscript },
  merge: { needs: (_, host) => (host.server ? undefined : 'merge'), run: runMerge },
};

/**
 * @param {any} body
 * @param {Host} host
 */
async function openedFor(body, host) {
  const port = await host.openPort({ abi: 1, dir: host.newDir(), ...body.config });
  for (const [collection, documents] of Object.entries(body.documents ?? {})) {
    for (const value of documents) {
      await port.call({ call: 'upsert', collection, value });
    }
  }
  return port;
}

/**
 * @param {any} it
 * @param {Host} host
 * @param {any} port
 */
async function runMessage(it, host, port) {
  const answer = await answerTo(port, host.decode(it.json));
  const expected = it.refused ? { error: { code: it.refused } } : host.decode(it.gives_json);
  new Names().check(expected, answer);
}

/**
 * @param {any} it
 * @param {Host} _
 * @param {any} port
 */
async function runQuery(it, _, port) {
  new Names().check(it.gives, await answerTo(port, it.call));
}

/**
 * @param {any} it
 * @param {Host} host
 */
async function runScript(it, host) {
  const script = new Script(host);
  await script.open(it.config);
  try {
    for (const [n, step] of it.steps.entries()) {
      await script.step(step).catch((/** @type {Error} */ error) => {
        throw new Error(`step ${n + 1}, ${show(step)}: ${error.message}`);
      });
    }
    script.end();
  } finally {
    await script.port.close().catch(() => {}); // it may be closed
  }
}

/**
 * @param {any} it
 * @param {Host} host
 * @param {any} _
 * @param {string} place
 */
async function runTranscript(it, host, _, place) {
  await withServer(it, host, `${place}-${nonce()}`);
}

/**
 * A merge's deltas come over the wire, in each order.
 *
 * @param {any} it
 * @param {Host} host
 * @param {any} _
 * @param {string} place
 */
async function runMerge(it, host, _, place) {
  const document = it.json === null ? null : { _id: 'x', ...host.decode(it.json) };
  const steps = [
    { call: { call: 'register_subscription', collection: 'c' }, gives: { subscription: 1 } },
    { call: { call: 'start_sync' }, gives: {} },
    { until: { call: 'find_by_id', collection: 'c', id: 'end' }, gives: { document: { _id: 'end' } } },
    { call: { call: 'find_by_id', collection: 'c', id: 'x' }, gives: { document } },
  ];
  for (const order of it.orders.keys()) {
    await withServer({ steps }, host, `merge-${place}-${order}-${nonce()}`);
  }
}

/**
 * A script with the server of transcripts, which says in the end whether the peer said what it should.
 *
 * @param {any} it
 * @param {Host} host
 * @param {string} app
 */
async function withServer(it, host, app) {
  /** @type {unknown} */
  let fault;
  const config = { ...it.config, server: host.server, app };
  await runScript({ ...it, config }, host).catch((error) => (fault = error));
  const verdict = await (await fetch(`${host.server}/${app}/verdict`)).text();
  if (fault || verdict !== 'passed') {
    throw new Error(`the server: ${verdict}${fault instanceof Error ? `; ${fault.message}` : ''}`);
  }
}

/** What no other driver's app has in its name. */
function nonce() {
  return Math.random().toString(36).slice(2);
}

/** A script that is under way. */
class Script {
  /** @type {any} */
  port;
  #names = new Names();
  /** @type {Map<string, Watched>} */
  #watches = new Map();
  #dir;
  #host;

  /**
   * @param {Host} host
   */
  constructor(host) {
    this.#host = host;
    this.#dir = host.newDir();
  }

  /**
   * @param {{[name: string]: any} | undefined} config
   */
  async open(config) {
    this.port = await this.#host.openPort({ abi: 1, dir: this.#dir, ...config });
  }

  /**
   * @param {any} step
   */
  async step(step) {
    if (step.call) {
      this.#names.check(step.gives, await answerTo(this.port, this.#names.fill(step.call)));
    } else if (step.until) {
      await this.#until(step);
    } else if (step.watch) {
      await this.#watch(step);
    } else if (step.of) {
      this.#names.check(step.event, await this.#watched(step.of).next());
    } else if (step.unwatch) {
      this.#watched(step.unwatch).end();
      this.#watches.delete(step.unwatch);
    } else if (step.close) {
      await this.port.close();
    } else if (step.open) {
      this.#names.check(step.gives, await answerOf(() => this.open(step.open).then(() => ({}))));
    } else {
      throw new Error('it is no step');
    }
  }

  /**
   * Asks until the answer is what is expected.
   *
   * @param {any} step
   */
  async #until(step) {
    const request = this.#names.fill(step.until);
    const ends = Date.now() + EVENT_WAIT_MS;
    for (;;) {
      const answer = await answerTo(this.port, request);
      const names = this.#names.copy();
      try {
        names.check(step.gives, answer);
        this.#names = names;
        return;
      } catch (error) {
        if (Date.now() > ends) {
          throw error;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, UNTIL_PAUSE_MS));
    }
  }

  /** There is no event that nobody asked for. */
  end() {
    this.#watches.forEach((it) => it.end());
  }

  /**
   * @param {any} step
   */
  async #watch(step) {
    const watched = new Watched();
    const answer = await answerOf(async () => {
      const tell = (/** @type {any} */ event) => watched.tell(event);
      watched.watch = this.port.subscribe(this.#names.fill(step.watch), tell);
      return {};
    });
    if (step.gives) {
      this.#names.check(step.gives, answer.error ? answer : await watched.next());
      watched.watch?.cancel();
      return;
    }
    this.#names.check({}, answer);
    this.#watches.set(step.as, watched);
    if (step.event) {
      this.#names.check(step.event, await watched.next());
    }
  }

  /**
   * @param {string} name
   */
  #watched(name) {
    const watched = this.#watches.get(name);
    if (!watched) {
      throw new Error(`nothing is watched as ${name}`);
    }
    return watched;
  }
}

/** What a watch told. */
class Watched {
  /** @type {{cancel: () => void} | undefined} */
  watch;
  /** @type {any[]} */
  #events = [];
  #last = '';
  #ring = () => {};

  /**
   * @param {any} event
   */
  tell(event) {
    this.#events.push(event);
    this.#ring();
  }

  /** The next event that is another than the one before. */
  async next() {
    for (;;) {
      const event = await this.#soon();
      const isNew = show(event) !== this.#last;
      this.#last = show(event);
      if (isNew) {
        return event;
      }
    }
  }

  end() {
    this.watch?.cancel();
    // What close ends may say so.
    const others = this.#events.filter((it) => show(it) !== this.#last && it.error?.code !== 'closed');
    if (others.length > 0) {
      throw new Error(`${show(others[0])} came, which nobody expects`);
    }
  }

  async #soon() {
    if (this.#events.length === 0) {
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no event came')), EVENT_WAIT_MS);
        this.#ring = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    }
    return this.#events.shift();
  }
}

/**
 * @param {any} port
 * @param {any} request
 */
function answerTo(port, request) {
  return answerOf(() => port.call(request));
}

/**
 * What is given, or `{error}`.
 *
 * @param {() => Promise<any>} ask
 */
async function answerOf(ask) {
  try {
    return await ask();
  } catch (error) {
    const { code, message } = /** @type {{code?: string, message: string}} */ (error);
    if (typeof code !== 'string') {
      throw error;
    }
    return { error: { code, message } };
  }
}

/** What names such as `$id` stand for. */
class Names {
  /** @type {Map<string, any>} */
  #known = new Map();

  copy() {
    const names = new Names();
    names.#known = new Map(this.#known);
    return names;
  }

  /**
   * @param {any} json
   * @returns {any}
   */
  fill(json) {
    if (isName(json)) {
      if (!this.#known.has(json)) {
        throw new Error(`${json} stands for nothing`);
      }
      return this.#known.get(json);
    }
    if (Array.isArray(json)) {
      return json.map((it) => this.fill(it));
    }
    return isObject(json) ? Object.fromEntries(Object.entries(json).map(([name, it]) => [name, this.fill(it)])) : json;
  }

  /**
   * @param {any} expected
   * @param {any} actual
   * @returns {void}
   */
  check(expected, actual) {
    if (expected === '$any') {
      return;
    }
    if (isName(expected)) {
      if (this.#known.has(expected)) {
        return this.check(this.#known.get(expected), actual);
      }
      this.#known.set(expected, actual);
    } else if (Array.isArray(expected) && Array.isArray(actual) && expected.length === actual.length) {
      expected.forEach((it, n) => this.check(it, actual[n]));
    } else if (isObject(expected) && isObject(actual)) {
      this.#checkFields(expected, actual);
    } else if (Array.isArray(expected) || isObject(expected) || !isSame(expected, actual)) {
      throw new Error(`${show(actual)}, not ${show(expected)}`);
    }
  }

  /**
   * @param {{[name: string]: any}} expected
   * @param {{[name: string]: any}} actual
   */
  #checkFields(expected, actual) {
    for (const [name, value] of Object.entries(expected)) {
      if (value === '$optional') {
        continue;
      }
      if (!Object.hasOwn(actual, name)) {
        throw new Error(`${show(actual)} has no ${show(name)}`);
      }
      name === 'error' ? checkError(value, actual.error) : this.check(value, actual[name]);
    }
    const others = Object.keys(actual).filter((name) => !Object.hasOwn(expected, name));
    if (others.length > 0) {
      throw new Error(`${show(actual)} has ${show(others[0])}, which nobody expects`);
    }
  }
}

/**
 * @param {{code: string}} expected
 * @param {{code?: string, message?: string}} actual
 */
function checkError(expected, actual) {
  if (actual?.code !== expected.code || !actual.message) {
    throw new Error(`the error ${show(actual)}, not ${expected.code}`);
  }
}

/**
 * @param {unknown} json
 */
function isName(json) {
  return typeof json === 'string' && /^\$[a-z_]+$/.test(json);
}

/**
 * @param {unknown} json
 */
function isObject(json) {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/**
 * @param {unknown} a
 * @param {unknown} b
 */
function isSame(a, b) {
  const isNumber = (/** @type {unknown} */ it) => typeof it === 'number' || typeof it === 'bigint';
  return isNumber(a) && isNumber(b) ? a == b : a === b;
}

/**
 * @param {any} json
 * @returns {string}
 */
function show(json) {
  return JSON.stringify(json, (_, it) => (typeof it === 'bigint' ? `${it}n` : it)) ?? String(json);
}
