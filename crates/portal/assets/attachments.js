// Images among the attachments of a document: each is shown where one asks for it. The server says which image a file is by its bytes, and only of
// images that hold no script; whatever its answer calls it, the browser is told that type. Without this script files can be downloaded.

document.documentElement.classList.add('shows-images')

document.addEventListener('click', ({ target }) => {
  const button = target.closest('button[data-show]')
  if (button && button.ariaBusy !== 'true') toggle(button)
})

async function toggle(button) {
  const box = button.closest('.attachment')
  const shown = box.querySelector('img, .failed')
  shown?.remove()
  if (shown?.matches('img')) return press(button, false)
  button.ariaBusy = 'true'
  try {
    box.append(await load(button))
    press(button, true)
  } catch {
    box.insertAdjacentHTML('beforeend', ' <span class="failed" role="status">Cannot be shown</span>')
  } finally {
    button.ariaBusy = 'false'
  }
}

// Its words stay: whether the image is shown is its state.
function press(button, isPressed) {
  button.ariaPressed = String(isPressed)
}

async function load(button) {
  const answer = await fetch(button.dataset.show)
  // Signed out meanwhile, or a failure.
  if (!answer.ok || answer.redirected) throw new Error(answer.statusText)
  const address = URL.createObjectURL(new Blob([await answer.arrayBuffer()], { type: button.dataset.type }))
  try {
    const image = new Image()
    image.alt = button.closest('.attachment').querySelector('a').textContent
    image.src = address
    await image.decode()
    return image
  } finally {
    URL.revokeObjectURL(address)
  }
}
