// Checks a live query's filter as it is typed: asks the server what is wrong with it, or which documents match now.

const PAUSE_MS = 300

for (const form of document.querySelectorAll('form[data-preview]')) {
  const place = form.querySelector('#preview')
  let timer = 0
  let asked = null
  const check = async () => {
    asked?.abort()
    asked = new AbortController()
    const names = ['collection', 'query', 'query-language']
    const typed = new URLSearchParams(names.map(name => [name, form.elements[name].value]))
    try {
      const answer = await fetch(`${form.dataset.preview}?${typed}`, { signal: asked.signal })
      // Signed out meanwhile, or a failure: the form's own answer will say.
      if (answer.ok && !answer.redirected) place.innerHTML = await answer.text()
      form.elements.query.setAttribute('aria-invalid', String(place.querySelector('.bad') !== null))
    } catch { /* a newer check is on its way, or the server is gone */ }
  }
  for (const field of [form.elements.collection, form.elements.query, form.elements['query-language']]) {
    field.addEventListener('input', () => {
      clearTimeout(timer)
      timer = setTimeout(check, PAUSE_MS)
    })
  }
}
