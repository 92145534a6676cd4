// Charts: as one points at a place, or goes along with the arrow keys, a line stands there and the caption has its values. Without this script the
// values are the places' titles. Times are the reader's own, as elsewhere.

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const exact = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

prepare(document)
document.addEventListener('refreshed', ({ target }) => prepare(target))

function prepare(root) {
  for (const mark of root.querySelectorAll('.chart text[data-ms]')) mark.textContent = clock.format(Number(mark.dataset.ms))
  for (const chart of root.querySelectorAll('.chart')) {
    const places = [...chart.querySelectorAll('.places rect')]
    if (places.length === 0) continue
    const xs = places.map((place) => place.x.baseVal.value)
    const words = places.map((place) => timed(chart, place))
    for (const place of places) place.querySelector('title').remove()
    watch(chart, xs, words)
  }
}

// The caption's words for a place, with its time in the reader's zone.
function timed(chart, place) {
  const { from, step } = chart.dataset
  const number = Math.round((place.x.baseVal.value - 48) * 60 / 264 - 0.5)
  return place.textContent.replace(/^[^;]*/, exact.format(Number(from) + number * Number(step)))
}

function watch(chart, xs, words) {
  const svg = chart.querySelector('svg')
  // A title of the whole would be shown over the values.
  const whole = svg.querySelector('title')
  svg.setAttribute('aria-label', whole.textContent)
  svg.removeAttribute('aria-labelledby')
  whole.remove()
  const cross = chart.querySelector('.cross')
  const told = document.createElement('output')
  chart.append(told)
  chart.tabIndex = 0
  let at = -1

  const show = (number) => {
    at = Math.max(0, Math.min(xs.length - 1, number))
    cross.setAttribute('x1', xs[at])
    cross.setAttribute('x2', xs[at])
    told.textContent = words[at]
    chart.classList.add('read')
  }
  const hide = () => {
    at = -1
    chart.classList.remove('read')
    told.textContent = ''
  }
  svg.addEventListener('pointermove', (event) => {
    const x = (event.clientX - svg.getBoundingClientRect().left) * 320 / svg.clientWidth
    show(xs.reduce((best, one, number) => Math.abs(one - x) < Math.abs(xs[best] - x) ? number : best, 0))
  })
  svg.addEventListener('pointerleave', hide)
  chart.addEventListener('blur', hide)
  chart.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -xs.length, End: xs.length }[event.key]
    if (step === undefined) return
    event.preventDefault()
    show(at === -1 ? xs.length - 1 : at + step)
  })
}
