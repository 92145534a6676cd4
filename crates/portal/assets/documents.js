// The list of documents: a row opens its document in a drawer beside the list, and names of fields complete in the query box. On a document's
// page older changes come below those that are there. Without this script rows are links to pages, and so is what is older.

const narrow = matchMedia('(max-width: 56rem)')
const list = document.querySelector('.found')
if (list) drawer()
complete()
document.getElementById('older')?.addEventListener('click', loadOlder)

function drawer() {
  const box = document.createElement('dialog')
  box.className = 'beside'
  box.setAttribute('aria-labelledby', 'drawer-title')
  document.querySelector('main').append(box)
  // The link whose document is shown: the focus goes back to it.
  let opener = null
  let asked = null

  list.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-drawer]') ?? event.target.closest('tbody tr')?.querySelector('a[data-drawer]')
    const isElsewhere = event.target.closest('a, button, summary') && !event.target.closest('a[data-drawer]')
    const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey && event.button === 0
    if (!link || isElsewhere || !isPlain || !getSelection().isCollapsed) return
    event.preventDefault()
    open(link)
  })
  box.addEventListener('click', ({ target }) => {
    if (target === box || target.closest('[data-close]')) close()
  })
  box.addEventListener('cancel', (event) => { event.preventDefault(); close() })
  document.addEventListener('keydown', (event) => {
    if (!box.open) return
    if (event.key === 'Escape') close()
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') step(event)
  })

  async function open(link) {
    asked?.abort()
    asked = new AbortController()
    try {
      const answer = await fetch(`${link.href}?part=drawer`, { signal: asked.signal })
      // Signed out meanwhile, or a failure: the page itself says so.
      if (!answer.ok || answer.redirected) return location.assign(link.href)
      box.innerHTML = await answer.text()
    } catch (error) {
      if (error.name !== 'AbortError') location.assign(link.href)
      return
    }
    mark(link)
    if (!box.open) narrow.matches ? box.showModal() : box.show()
    document.body.classList.add('has-beside')
    box.scrollTop = 0
    box.querySelector('#drawer-title').focus({ preventScroll: true })
  }

  function mark(link) {
    opener?.closest('tr, li').classList.remove('shown')
    opener = link
    opener?.closest('tr, li').classList.add('shown')
  }

  function close() {
    asked?.abort()
    const link = opener
    box.close()
    document.body.classList.remove('has-beside')
    mark(null)
    link?.focus()
  }

  // The document before or behind the one that is shown.
  function step(event) {
    if (event.target.closest('input, textarea, select, details')) return
    const links = [...list.querySelectorAll('a[data-drawer]')]
    const next = links[links.indexOf(opener) + (event.key === 'ArrowDown' ? 1 : -1)]
    if (!next) return
    event.preventDefault()
    next.scrollIntoView({ block: 'nearest' })
    open(next)
  }
}

// A list completes all that stands in a field: so each of its entries begins with what stands before the name.
function complete() {
  const entries = document.getElementById('field-names')
  const names = [...(entries?.children ?? [])].map(({ value }) => value)
  document.addEventListener('input', ({ target }) => {
    if (target.id !== 'query' || target.tagName !== 'INPUT' || names.length === 0) return
    const before = target.value.slice(0, target.value.length - /[\w.]*$/.exec(target.value)[0].length)
    if (entries.dataset.before === before) return
    entries.dataset.before = before
    entries.replaceChildren(...names.map((name) => {
      const entry = document.createElement('option')
      entry.value = before + name
      entry.label = name
      return entry
    }))
  })
}

async function loadOlder(event) {
  event.preventDefault()
  const link = event.currentTarget
  link.textContent = 'Looking…'
  try {
    const answer = await fetch(link.href)
    if (!answer.ok || answer.redirected) return location.assign(link.href)
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const table = document.querySelector('#history tbody')
    if (!table) return location.assign(link.href)
    table.append(...page.querySelectorAll('#history tbody tr'))
    document.getElementById('history-end').replaceWith(page.getElementById('history-end'))
    const next = page.getElementById('older')
    if (!next) return link.remove()
    link.href = next.href
    link.textContent = next.textContent
  } catch {
    location.assign(link.href)
  }
}
