// Keeps the marked part of a page fresh: asks for it again every two seconds, or as often as it says, not while the page is hidden, and gives up after some failures.

const EVERY_MS = 2000
const FAILURES_MAX = 5

for (const part of document.querySelectorAll('[data-refresh]')) {
  keepFresh(part)
}

async function keepFresh(part) {
  let failures = 0
  const every = Number(part.dataset.every) || EVERY_MS
  while (failures < FAILURES_MAX) {
    await new Promise((resolve) => setTimeout(resolve, every))
    // What somebody looks at closely, a chart say, stays as it is.
    if (document.hidden || (part.dataset.every && part.matches(':hover, :focus-within'))) continue
    try {
      const answer = await fetch(part.dataset.refresh, { headers: { accept: 'text/html' } })
      // The session has ended: the page itself leads to where one signs in.
      if (answer.redirected) return location.reload()
      if (!answer.ok) throw new Error(String(answer.status))
      const scrolled = [...part.querySelectorAll('.scroll')].map((box) => box.scrollLeft)
      part.innerHTML = await answer.text()
      part.querySelectorAll('.scroll').forEach((box, n) => { box.scrollLeft = scrolled[n] ?? 0 })
      failures = 0
      part.dispatchEvent(new Event('refreshed', { bubbles: true }))
      // The first event has come: the page shows what a consumer got.
      if (part.dataset.firstEvent && part.querySelector('[data-has-events]')) return location.assign(part.dataset.firstEvent)
    } catch {
      failures += 1
    }
  }
  const notice = document.createElement('p')
  notice.className = 'notice bad'
  notice.setAttribute('role', 'alert')
  notice.textContent = 'The server does not answer any more: these figures are old. Load the page again.'
  part.prepend(notice)
}
