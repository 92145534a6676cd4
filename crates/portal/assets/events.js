// The events page while it is open: rows come as the server sends them, at most 200 stay. The server samples; this only counts and shows.

const ROWS_MAX = 200

const live = document.querySelector('[data-stream]')
const body = document.querySelector('#events tbody')
const state = document.getElementById('live-state')
const pause = document.getElementById('pause')
const tally = document.getElementById('tally')
const number = new Intl.NumberFormat('en')

let source = null
let shown = 0
// Whoever has paused wants to see what comes, not what came meanwhile: a stream that is begun again begins at the end.
let address = live.dataset.stream

live.hidden = false
pause.addEventListener('click', () => (source ? stop('paused', 'Go on') : start()))
start()

function start() {
  say('connecting', '')
  pause.textContent = 'Pause'
  shown = 0
  source = new EventSource(address)
  address = live.dataset.stream.replace(/&from=[\d-]+$/, '')
  source.addEventListener('open', () => say('live', 'good'))
  source.addEventListener('rows', (event) => add(event.data))
  source.addEventListener('tally', (event) => count(JSON.parse(event.data)))
  source.addEventListener('end', (event) => stop(event.data, 'Connect'))
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) stop('too many live pages, or signed out', 'Connect')
    else say('connecting again', 'warn')
  })
}

function stop(words, action) {
  source.close()
  source = null
  pause.textContent = action
  say(words, '')
}

function say(words, kind) {
  state.textContent = words
  state.className = `badge ${kind}`
}

// Rows are escaped by the server's templates, as those of the page are.
function add(html) {
  const template = document.createElement('template')
  template.innerHTML = html
  shown += template.content.querySelectorAll('tr').length
  body.prepend(template.content)
  while (body.rows.length > ROWS_MAX) body.rows[body.rows.length - 1].remove()
  document.getElementById('no-events')?.remove()
}

function count({ seen, leftOut, skipped }) {
  tally.hidden = seen === 0 && skipped === 0
  let words = `${number.format(seen)} events since this page went live, ${number.format(shown)} of them shown`
  if (leftOut > 0) words += `; ${number.format(leftOut)} were left out, since more came than can be read`
  if (skipped > 0) words += `; up to ${number.format(skipped)} more were not even looked at`
  tally.textContent = `${words}.`
}
