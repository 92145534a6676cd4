// What every page has: buttons that copy, and menus that close. Without this script the buttons stay hidden, and whatever they copy can be selected.

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
