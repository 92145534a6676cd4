// How to reach a Headwater server: flags, the Kafka client, re-queries, and documents as JSON text.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'

const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs') // not `import`: this looks in NODE_PATH too

// From the command line, the environment, and the files that the server wrote.
export const options = readOptions()

const pem = name => readFileSync(`${options.credentials}/${name}`, 'utf8')
export const kafka = new Kafka({
  clientId: 'copy',
  brokers: [options.bootstrap],
  ssl: { ca: [pem('ca.pem')], cert: pem('user.pem'), key: pem('user.key') },
  logLevel: logLevel.WARN,
})

// For each partition of the topic, where it ends just now.
export async function endsOf(topic) {
  const admin = kafka.admin()
  await admin.connect()
  const ends = (await admin.fetchTopicOffsets(topic)).map(it => [it.partition, Number(it.high)])
  await admin.disconnect()
  return ends
}

// The document that an entry names, as a row: not as it was in that transaction, but as it is in the answer's.
export async function requery(entry, txnId) {
  const { appId, collectionName } = JSON.parse(entry)
  const headers = { 'X-DITTO-TXN-ID': txnId, 'Content-Type': 'application/json' }
  if (options.key) headers.Authorization = `Bearer ${options.key}`
  const reply = await fetch(`${options.http}/${appId}/api/v4/store/requery`, { method: 'POST', headers, body: entry })
  // 404: that transaction is not applied yet. A document that is gone is no 404. kafkajs calls eachBatch again after a while.
  if (!reply.ok) throw new Error(`${reply.status} for ${entry}: ${await reply.text()}`)
  const answer = cut(await reply.text())
  const id = cut(entry).documentId
  const [found] = Object.values(cut(answer.documents))
  const fields = found && cut(found).fields
  const document = found ? `{"_id":${id}${fields === '{}' ? '' : ','}${fields.slice(1)}` : null
  return { collection: collectionName, id, txnId: Number(answer.txnId), document }
}

// The members of a JSON object, or the items of an array, each as its own text: JSON.parse rounds integers beyond 2^53 and
// makes 1.0 a 1.
export function cut(text) {
  const pieces = {}
  let [depth, count, isInString] = [0, 0, false]
  let start, name
  for (const { 0: token, index } of text.matchAll(/\\.|["{}[\],:]/g)) {
    if (token === '"') isInString = !isInString
    if (isInString) continue
    if ('{['.includes(token)) depth++
    if (depth === 1 && token === ':') name = JSON.parse(text.slice(start, index))
    if (depth === 1 && ',}]'.includes(token) && index > start) pieces[name ?? count++] = text.slice(start, index)
    if (depth === 1 && '{[,:'.includes(token)) start = index + 1
    if ('}]'.includes(token)) depth--
  }
  return pieces
}

function readOptions() {
  const names = ['credentials', 'bootstrap', 'http', 'key', 'topic', 'group', 'database', 'collection']
  const flag = name => ({ type: 'string', default: process.env[`COPY_${name.toUpperCase()}`] })
  const flags = Object.fromEntries(names.map(name => [name, flag(name)]))
  const { values } = parseArgs({ options: { ...flags, 'until-caught-up': { type: 'boolean' } } })
  const options = { credentials: 'headwater-data/credentials/default', group: 'copy-kafkajs', database: 'copy-kafkajs.db', ...values }
  const read = file => JSON.parse(readFileSync(`${options.credentials}/${file}`, 'utf8'))
  options.topic ??= read('live-query-settings.json').topic
  options.bootstrap ??= read('../../run.json').kafka
  options.http ??= read('../../run.json').http
  return options
}
