// What the JavaScript clients share: the command line, the bundle's settings, the line of an event.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const text = { type: 'string' }

export function options() {
  const { values } = parseArgs({
    allowPositionals: true,
    options: {
      config: text, topic: text, group: text, count: text, 'from-time': text, protocol: text, 'session-timeout': text,
    },
  })
  return {
    ...values,
    count: Number(values.count ?? Infinity),
    fromTime: values['from-time'],
    sessionTimeout: Number(values['session-timeout'] ?? 45_000),
  }
}

// librdkafka.properties: the address, and the PEM files that it names.
export function settings(path) {
  const lines = readFileSync(path, 'utf8').split('\n').filter((line) => line && !line.startsWith('#'))
  const bundle = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  const file = (name) => readFileSync(bundle[`ssl.${name}.location`], 'utf8')
  return { brokers: [bundle['bootstrap.servers']], tls: { ca: [file('ca')], cert: file('certificate'), key: file('key') } }
}

export function show(partition, offset, key) {
  console.log(JSON.stringify({ partition, offset: Number(offset), key: key.toString() }))
}

export function complain(...what) {
  console.error(...what)
}
