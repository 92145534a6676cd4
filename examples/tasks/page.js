/**
 * The shared list of tasks as a web page.
 *
 * Invariants: what the page shows is what is stored, and nothing else; an element stays the same task's, so that the
 * focus stays where it is when others change the list.
 * Not here: the list itself (`tasks.js`), the page without a server (`worker.js`).
 */
import { Tasks, inWords } from './tasks.js';

/** Remembers that this device is to stay offline, over reloads and for all tabs. */
const OFFLINE = 'tasks-offline';

/**
 * The element of this id.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 */
function part(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) {
    throw new Error(`the page has no ${id}`);
  }
  return found;
}

const page = {
  status: part('status', HTMLElement),
  offline: part('offline', HTMLInputElement),
  notice: part('notice', HTMLElement),
  form: part('add', HTMLFormElement),
  text: part('text', HTMLInputElement),
  list: part('tasks', HTMLElement),
  empty: part('empty', HTMLElement),
  count: part('count', HTMLElement),
};

/** Rows of the list by the ids of their tasks. @type {Map<string, HTMLLIElement>} */
const rows = new Map();

/**
 * Does something that may fail, and says so then.
 *
 * @param {() => Promise<unknown>} act
 */
async function attempt(act) {
  try {
    await act();
    page.notice.hidden = true;
  } catch (error) {
    complain(/** @type {Error} */ (error).message);
  }
}

/** @param {string} text */
function complain(text) {
  page.notice.textContent = text;
  page.notice.hidden = false;
}

/**
 * @param {Tasks} tasks
 * @param {string} id
 */
function newRow(tasks, id) {
  const row = document.createElement('li');
  const label = document.createElement('label');
  const box = Object.assign(document.createElement('input'), { type: 'checkbox' });
  const remove = Object.assign(document.createElement('button'), { type: 'button', className: 'remove' });
  label.append(box, document.createElement('span'));
  row.append(label, remove);
  row.dataset.id = id;
  box.addEventListener('change', () => attempt(() => tasks.setDone(id, box.checked)));
  remove.addEventListener('click', () => {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const focus = next?.querySelector('button') ?? page.text;
    focus.focus();
    attempt(() => tasks.remove(id));
  });
  return row;
}

/**
 * @param {HTMLLIElement} row
 * @param {import('./tasks.js').Task} task
 */
function fill(row, { text, done }) {
  const [box, remove] = [row.querySelector('input'), row.querySelector('button')];
  const label = row.querySelector('span');
  if (box && remove && label) {
    box.checked = done === true;
    label.textContent = String(text);
    remove.setAttribute('aria-label', `Remove ${text}`);
  }
  row.classList.toggle('done', done === true);
}

/**
 * @param {Tasks} tasks
 * @param {import('./tasks.js').Task[]} all
 */
function show(tasks, all) {
  const gone = new Set(rows.keys());
  let before = /** @type {Element | null} */ (null);
  for (const task of all) {
    const row = rows.get(task._id) ?? newRow(tasks, task._id);
    rows.set(task._id, row);
    gone.delete(task._id);
    fill(row, task);
    const place = before ? before.nextElementSibling : page.list.firstElementChild;
    if (place !== row) {
      page.list.insertBefore(row, place);
    }
    before = row;
  }
  for (const id of gone) {
    rows.get(id)?.remove();
    rows.delete(id);
  }
  const open = all.filter(({ done }) => !done).length;
  page.empty.hidden = all.length > 0;
  page.count.hidden = all.length === 0;
  page.count.textContent = open === 0 ? 'All done' : `${open} to do`;
}

/** @param {import('./tasks.js').Status} status */
function showStatus(status) {
  const { state, pending, lastError } = status;
  page.status.textContent = inWords(status);
  page.status.dataset.state = state === 'live' && pending > 0 ? 'syncing' : state;
  page.status.dataset.pending = String(pending);
  page.status.title = lastError ?? '';
  page.offline.checked = state === 'stopped';
}

/** @param {boolean} enabled */
function enable(enabled) {
  for (const control of [page.offline, page.text, ...page.form.querySelectorAll('button')]) {
    control.disabled = !enabled;
  }
}

/** The list of this address: `?list=NAME` is one of its own. */
function storeName() {
  return `tasks-${new URLSearchParams(location.search).get('list') ?? 'list'}`;
}

async function main() {
  const tasks = await Tasks.open({ dir: storeName(), server: location.origin });
  tasks.onChange((all) => show(tasks, all));
  tasks.onStatus(showStatus);
  tasks.onRefused((why) => complain(`The server refused a write: ${why}`));
  page.form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = page.text.value.trim();
    page.text.value = '';
    if (text) {
      attempt(() => tasks.add(text));
    }
  });
  page.offline.addEventListener('change', () => {
    localStorage.setItem(OFFLINE, String(page.offline.checked));
    attempt(() => tasks.setOnline(!page.offline.checked));
  });
  enable(true);
  if (localStorage.getItem(OFFLINE) !== 'true') {
    await tasks.setOnline(true);
  }
}

/** Has the page's own files kept, so that it opens without a server too. */
async function keepFiles() {
  if (!('serviceWorker' in navigator)) {
    return;
  }
  await navigator.serviceWorker.register('worker.js');
  const { active } = await navigator.serviceWorker.ready;
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
  active?.postMessage([...new Set([location.href, ...loaded])]);
}

try {
  await main();
  keepFiles().catch(() => {}); // the page is as good without it, while there is a server
} catch (/** @type {any} */ error) {
  page.status.textContent = 'not open';
  page.status.dataset.state = 'refused';
  complain(`The list cannot be opened: ${error.message}`);
}
