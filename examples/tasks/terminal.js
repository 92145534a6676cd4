#!/usr/bin/env node
/**
 * The shared list of tasks in a terminal.
 *
 * Invariants: what the app does is stored before it says so; a number means the task that it stood beside when the
 * list was last shown, also if the list has changed since.
 * Not here: the list itself (`tasks.js`).
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Tasks, inWords } from './tasks.js';

const USAGE = `Usage: node terminal.js [--server URL] [--dir FOLDER] [--app APP] [--token KEY] [--offline]

A list of tasks that is shared with everybody who syncs with the same server.

  --server   where the server is; by default HEADWATER_URL, or http://127.0.0.1:8080
  --dir      where this list is kept; by default ./tasks-data. Each app that runs at a time needs its own,
             and so does each server
  --app      which app of the server
  --token    a key of the server, where it asks for one
  --offline  do not connect yet`;

const HELP = `add TEXT    a new task
done N      the task N of the list is done; undo N: it is not
remove N    takes the task N away, for everybody
list        the tasks
offline     stops syncing; online: syncs again
status      where sync stands
wait        until the server has everything
quit        ends; what is pending is synced the next time`;

const ESCAPE = '\u001b[';
const CLEAR = `${ESCAPE}H${ESCAPE}2J`;

/** What a user may type. Each gives what is said to it, if anything. */
class Commands {
  /** @type {import('./tasks.js').Task[]} */
  shown = [];

  /** @param {Tasks} tasks */
  constructor(tasks) {
    this.tasks = tasks;
  }

  /** @param {string} line */
  async run(line) {
    const [, word, rest] = /** @type {RegExpExecArray} */ (/^\s*(\S*)\s*(.*?)\s*$/.exec(line));
    switch (word) {
      case '':
        return '';
      case 'add':
        return this.#add(rest);
      case 'done':
        return this.#setDone(rest, true);
      case 'undo':
        return this.#setDone(rest, false);
      case 'remove':
        return this.#withTask(rest, async ({ _id, text }) => {
          await this.tasks.remove(_id);
          return `removed: ${shownText(text)}`;
        });
      case 'list':
        return this.show(await this.tasks.list());
      case 'offline':
      case 'online':
        await this.tasks.setOnline(word === 'online');
        return word;
      case 'status':
        return statusLine(await this.tasks.status());
      case 'wait':
        await this.tasks.synced();
        return 'the server has everything';
      case 'help':
        return HELP;
      default:
        return `there is no ${word}; help says what there is`;
    }
  }

  /**
   * The list as text; its numbers count from now on.
   *
   * @param {import('./tasks.js').Task[]} tasks
   */
  show(tasks) {
    this.shown = tasks;
    const line = (/** @type {any} */ task, /** @type {number} */ n) =>
      `${String(n + 1).padStart(3)} [${task.done ? 'x' : ' '}] ${shownText(task.text)}`;
    const lines = tasks.map(line);
    return lines.join('\n') || '    nothing to do';
  }

  /** @param {string} text */
  async #add(text) {
    if (!text) {
      return 'add what?';
    }
    await this.tasks.add(text);
    return `added: ${text}`;
  }

  /**
   * @param {string} which
   * @param {boolean} done
   */
  async #setDone(which, done) {
    return this.#withTask(which, async ({ _id, text }) => {
      await this.tasks.setDone(_id, done);
      return `${done ? 'done' : 'not done'}: ${shownText(text)}`;
    });
  }

  /**
   * @param {string} which
   * @param {(task: import('./tasks.js').Task) => Promise<string>} change
   */
  async #withTask(which, change) {
    const task = this.shown[Number(which) - 1];
    const numbers = this.shown.length === 0 ? 'list shows them' : `1 to ${this.shown.length}`;
    return task ? change(task) : `which one? ${numbers}`;
  }
}

/** Whatever somebody else wrote into a document: what a terminal takes for a command of its own is left out. */
function shownText(/** @type {unknown} */ text) {
  return String(text).replace(/\p{Cc}/gu, ' ');
}

/** @param {import('./tasks.js').Status} status */
function statusLine(status) {
  const isFine = status.state === 'stopped' || status.state === 'live';
  return status.lastError && !isFine ? `${inWords(status)} (${shownText(status.lastError)})` : inWords(status);
}

/**
 * Lines from a pipe or a file: each is done after the one before, and its answer printed.
 *
 * @param {Commands} commands
 */
async function follow(commands) {
  commands.tasks.onRefused((why) => console.log(`the server refused a write: ${shownText(why)}`));
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === 'quit') {
      return;
    }
    const answer = await attempt(commands, line);
    if (answer) {
      console.log(answer);
    }
  }
}

/**
 * A person at a terminal: the list, drawn again whenever it changes, and a line to type.
 *
 * @param {Commands} commands
 */
async function converse(commands) {
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
  let [list, status, answer] = ['', '', 'help says what there is'];
  const draw = () => {
    process.stdout.write(`${CLEAR}${bold('Tasks')}  ${status}\n\n${list}\n\n${answer}\n\n`);
    lines.prompt(true);
  };
  commands.tasks.onChange((tasks) => {
    list = commands.show(tasks);
    draw();
  });
  commands.tasks.onStatus((now) => {
    status = statusLine(now);
    draw();
  });
  commands.tasks.onRefused((why) => {
    answer = `the server refused a write: ${shownText(why)}`;
    draw();
  });
  for await (const line of lines) {
    if (line.trim() === 'quit') {
      break;
    }
    answer = await attempt(commands, line);
    draw();
  }
  lines.close();
  process.stdout.write('\n');
}

/** @param {string} text */
function bold(text) {
  return process.env.NO_COLOR ? text : `${ESCAPE}1m${text}${ESCAPE}0m`;
}

/**
 * What failed is an answer too.
 *
 * @param {Commands} commands
 * @param {string} line
 */
async function attempt(commands, line) {
  try {
    return await commands.run(line);
  } catch (/** @type {any} */ error) {
    return `${error.code ?? 'error'}: ${error.message}`;
  }
}

async function main() {
  const string = /** @type {const} */ ('string');
  const { values } = parseArgs({
    options: {
      server: { type: string, default: process.env.HEADWATER_URL ?? 'http://127.0.0.1:8080' },
      dir: { type: string, default: 'tasks-data' },
      app: { type: string },
      token: { type: string },
      offline: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const { server, dir, app, token } = values;
  const tasks = await Tasks.open({ server, dir, app, token });
  try {
    if (!values.offline) {
      await tasks.setOnline(true);
    }
    const commands = new Commands(tasks);
    await (process.stdin.isTTY && process.stdout.isTTY ? converse(commands) : follow(commands));
  } finally {
    await tasks.close();
  }
}

try {
  await main();
} catch (/** @type {any} */ error) {
  const isInUse = error.code === 'in_use';
  const hint = isInUse ? '\nAnother app has this list open: give this one a folder of its own with --dir.' : '';
  console.error(`${error.message}${hint}`);
  process.exitCode = 1;
}
