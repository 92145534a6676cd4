// The events page while it is open: rows come as the server sends them, at most 200 stay. A stream that breaks is begun again where it ended;
// rows that come twice are shown once. What comes during a pause is kept, and where that is too much the page reads on from where it paused.

const ROWS_MAX = 200
const WAITS_MS = [500, 1000, 2000, 4000, 5000]

const form = document.getElementById('show')
const time = document.getElementById('time')
const live = document.querySelector('[data-stream]')
const number = new Intl.NumberFormat('en')

// The field holds the reader's own time, the address UTC.
if (time.value) time.value = local(new Date(`${time.value.replace('Z', '')}Z`))
form.addEventListener('formdata', ({ formData }) => {
  const own = formData.get('time')
  if (own) formData.set('time', new Date(own).toISOString().slice(0, 19))
  for (const name of ['offset', 'time']) if (!formData.get(name)) formData.delete(name)
})
if (live) follow()

function local(date) {
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}

function follow() {
  const body = document.querySelector('#events tbody')
  const state = document.getElementById('live-state')
  const pause = document.getElementById('pause')
  const fresh = document.getElementById('fresh')
  const tally = document.getElementById('tally')
  const signedOut = document.getElementById('signed-out')
  const [address, begin] = live.dataset.stream.split('&from=')

  let position = begin
  let source = null
  let failures = 0
  let retry = 0
  let shown = 0
  // What this stream told last, and what those before it told in all.
  let told = { seen: 0, leftOut: 0, skipped: 0 }
  let before = { seen: 0, leftOut: 0, skipped: 0 }
  let leftOutFrom = null
  // While it is paused: the rows that came, how many in all, and where it was paused.
  let paused = null

  live.hidden = false
  pause.addEventListener('click', () => (paused ? goOn() : hold()))
  fresh.addEventListener('click', goOn)
  connect()

  function connect() {
    if (failures === 0) say('connecting', '')
    source = new EventSource(`${address}&from=${position}`)
    source.addEventListener('open', () => { failures = 0; signedOut.hidden = true; sayLive() })
    source.addEventListener('rows', ({ data }) => add(data))
    source.addEventListener('tally', ({ data, lastEventId }) => { position = lastEventId; count(JSON.parse(data)) })
    source.addEventListener('end', ({ data }) => end(JSON.parse(data)))
    source.addEventListener('error', () => { leave(); ask() })
  }

  function leave() {
    source.close()
    for (const name in before) before[name] += told[name]
    told = { seen: 0, leftOut: 0, skipped: 0 }
  }

  function end({ code, words }) {
    leave()
    if (code === 'stopping') again('the server is stopping')
    else if (code === 'signed-out') sayEnded()
    else final(words)
  }

  // A stream does not tell why it cannot be had; the answer to a request does.
  async function ask() {
    const asked = new AbortController()
    try {
      const answer = await fetch(address, { redirect: 'manual', signal: asked.signal })
      asked.abort()
      if (answer.type === 'opaqueredirect') sayEnded()
      else if (answer.status === 404) final('The topic is gone.')
      else again(answer.status === 503 ? 'too many live pages are open' : 'connecting again')
    } catch {
      again('no connection')
    }
  }

  function again(words) {
    say(`${words}, trying again`, 'warn')
    clearTimeout(retry)
    retry = setTimeout(connect, WAITS_MS[Math.min(failures, WAITS_MS.length - 1)])
    failures += 1
  }

  // Whoever signs in again, also in another tab, finds it going on.
  function sayEnded() {
    say('signed out', 'bad')
    signedOut.hidden = false
    clearTimeout(retry)
    retry = setTimeout(ask, WAITS_MS[WAITS_MS.length - 1])
  }

  function final(words) {
    say(words, 'bad')
    pause.hidden = true
  }

  function hold() {
    paused = { rows: [], seen: seen(), position, isWhole: true }
    pause.textContent = 'Go on'
    sayLive()
  }

  function goOn() {
    const { rows, position: from, isWhole } = paused
    if (!isWhole) return location.assign(live.dataset.after + from)
    paused = null
    show(rows)
    fresh.hidden = true
    pause.textContent = 'Pause'
    sayLive()
    tell()
  }

  // Rows are escaped by the server's templates, as those of the page are.
  function add(html) {
    const template = document.createElement('template')
    template.innerHTML = html
    const held = paused?.rows ?? []
    const isNew = ({ dataset: { at } }) =>
      !body.querySelector(`[data-at="${at}"]`) && !held.some((row) => row.dataset.at === at)
    const rows = [...template.content.querySelectorAll('tr')].filter(isNew)
    if (!paused) return show(rows)
    if (held.length + rows.length > ROWS_MAX) paused.isWhole = false
    paused.rows = paused.isWhole ? [...rows, ...held] : []
  }

  function show(rows) {
    shown += rows.length
    body.prepend(...rows)
    while (body.rows.length > ROWS_MAX) body.rows[body.rows.length - 1].remove()
    if (rows.length > 0) document.getElementById('no-events')?.remove()
  }

  function count({ seen, leftOut, skipped, from }) {
    if (paused && leftOut + skipped > told.leftOut + told.skipped) paused.isWhole = false
    told = { seen, leftOut, skipped }
    leftOutFrom ??= from
    if (paused) return offer()
    tell()
  }

  function seen() {
    return before.seen + told.seen + before.skipped + told.skipped
  }

  // What came while it was paused.
  function offer() {
    const count = paused.isWhole ? paused.rows.length : seen() - paused.seen
    fresh.hidden = count === 0
    fresh.textContent = `${number.format(count)} new: ${paused.isWhole ? 'show' : 'read on from here'}`
  }

  function tell() {
    const all = seen()
    tally.hidden = all === 0
    const words = `${number.format(all)} ${all === 1 ? 'event' : 'events'} since this page went live, ${number.format(shown)} of them shown`
    tally.replaceChildren(words)
    if (leftOutFrom === null) return void tally.append('.')
    const link = document.createElement('a')
    link.href = live.dataset.after + leftOutFrom
    link.textContent = 'read all of them'
    const leftOut = before.leftOut + told.leftOut + before.skipped + told.skipped
    tally.append(`; ${number.format(leftOut)} were left out, since more came than can be read: `, link, '.')
  }

  function sayLive() {
    if (failures > 0) return
    if (paused) say('paused', 'warn')
    else say('live', 'good')
  }

  function say(words, kind) {
    state.textContent = words
    state.className = `badge ${kind}`
  }
}
