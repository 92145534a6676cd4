// What every page has: buttons that copy, menus that close, and times in the reader's own zone. Without this script the buttons stay hidden and
// whatever they copy can be selected; times are UTC, and say so.

for (const button of document.querySelectorAll('button[data-copy]')) {
  button.hidden = false
  button.addEventListener('click', () => copy(button))
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy)
  const done = await put(source.textContent)
  const words = button.dataset.words ?? button.textContent
  button.dataset.words = words
  button.textContent = done ? 'Copied' : 'Select and copy by hand'
  announce(done ? 'Copied' : 'It could not be copied')
  setTimeout(() => { button.textContent = words }, 2000)
}

// The clipboard is there for pages by HTTPS or on loopback; elsewhere the old command still works.
async function put(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    area.className = 'unseen'
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}

function announce(words) {
  let live = document.getElementById('announcer')
  if (!live) {
    live = document.createElement('p')
    live.id = 'announcer'
    live.className = 'unseen'
    live.setAttribute('role', 'status')
    document.body.append(live)
  }
  live.textContent = words
}

// A drawer that the address names is opened.
const drawer = location.hash && document.getElementById(location.hash.slice(1))
if (drawer?.popover) drawer.showPopover()

// A menu closes when something else is clicked, or by Escape, which gives the focus back.
document.addEventListener('click', ({ target }) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    if (!menu.contains(target)) menu.open = false
  }
})
document.addEventListener('keydown', ({ key }) => {
  const menu = key === 'Escape' && document.querySelector('details.menu[open]')
  if (menu) {
    menu.open = false
    menu.querySelector('summary').focus()
  }
})

// Times: 2026-01-31 13:00:00 as the reader's clock has it, with the zone and UTC in the title. What other scripts add is looked at too.
const two = (number) => String(number).padStart(2, '0')
const zone = (date) => new Intl.DateTimeFormat('en', { timeZoneName: 'short' }).formatToParts(date).find(({ type }) => type === 'timeZoneName').value

function localize(root) {
  for (const element of root.querySelectorAll('time[datetime]:not([title])')) {
    const date = new Date(element.dateTime)
    if (Number.isNaN(date.getTime())) continue
    const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
    const isClock = 'clock' in element.dataset
    element.textContent = isClock ? `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}` : `${day} ${clock}`
    element.title = `${day} ${clock} ${zone(date)}, ${date.toISOString().replace('T', ' ').replace(/\.\d+Z$/, '')} UTC`
  }
  for (const element of root.querySelectorAll('[data-zone]')) element.textContent = zone(new Date())
}

localize(document)
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE) localize(node.parentNode ?? node)
  }
}).observe(document.body, { childList: true, subtree: true })
