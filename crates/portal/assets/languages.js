// The query box in two languages: a line for a query, several for a statement. Without this script the answer to the form has the other box.

for (const form of document.querySelectorAll('form[data-all]')) {
  const { language, collection } = form.elements
  let isDql = language.value === 'dql'
  // A page that the browser brings back keeps what was chosen.
  if (isDql !== (form.elements.query.tagName === 'TEXTAREA')) change()
  language.addEventListener('change', change)
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })

  function change() {
    isDql = language.value === 'dql'
    const box = form.elements.query
    const other = document.createElement(isDql ? 'textarea' : 'input')
    for (const { name, value } of box.attributes) {
      if (!['value', 'rows', 'aria-invalid'].includes(name)) other.setAttribute(name, value)
    }
    if (isDql) other.rows = 4
    other.value = translated(box.value.trim())
    box.replaceWith(other)
    other.closest('.field').classList.toggle('whole', isDql)
    form.querySelector('label[for=query]').textContent = isDql ? 'Statement' : 'Query'
    for (const part of form.querySelectorAll('[data-language]')) part.hidden = part.dataset.language !== language.value
  }

  // What means all documents in one language means them in the other; anything else is kept.
  function translated(text) {
    if (isDql) return text === '' || text === 'true' ? all() : text
    return text === '' || text === all() ? 'true' : text.replace(/\s*\n\s*/g, ' ')
  }

  function all() {
    const name = collection.value.trim()
    if (name === collection.defaultValue.trim()) return form.dataset.all
    return `SELECT * FROM ${/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : '`' + name.replaceAll('`', '``') + '`'}`
  }
}
