// Keeps a copy of an app's documents in a file, from Headwater's change feed. The rules are in ../README.md.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { Store } from './store.mjs'

const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs') // not `import`: this looks in NODE_PATH too

const options = readOptions()
const { topic } = options
const store = new Store(options.database)
const pem = name => readFileSync(`${options.credentials}/${name}`, 'utf8')
const kafka = new Kafka({
  clientId: 'copy',
  brokers: [options.bootstrap],
  ssl: { ca: [pem('ca.pem')], cert: pem('user.pem'), key: pem('user.key') },
  logLevel: logLevel.WARN,
})

const admin = kafka.admin()
await admin.connect()
const ends = (await admin.fetchTopicOffsets(topic)).map(it => [it.partition, Number(it.high)])
await admin.disconnect()

const next = partition => store.offsets[partition] ?? 0
const isBehind = () => ends.some(([partition, end]) => next(partition) < end)
// The history of a restored backup, or of a new server:
if (ends.some(([partition, end]) => next(partition) > end)) store.commit({ startOver: true })
if (!options['until-caught-up'] || isBehind()) await follow()
store.close()
process.exit() // after a lost connection, kafkajs may be about to start its consumer again

function follow() {
  // A copy that was killed is missed after the session timeout; the next start waits for that.
  const consumer = kafka.consumer({ groupId: options.group, sessionTimeout: 10_000 })
  // Reads on where the store says, whenever it joins the group. What is committed to Kafka is only for those who watch the lag.
  const seek = () => ends.forEach(([partition]) => consumer.seek({ topic, partition, offset: String(next(partition)) }))
  consumer.on(consumer.events.GROUP_JOIN, seek)

  const eachBatch = async ({ batch: { partition, messages }, heartbeat, isStale, resolveOffset }) => {
    if (isStale()) return // sought elsewhere since it was fetched
    const documents = []
    for (const record of messages) {
      if (record.headers.op?.toString() === 'resync') {
        store.commit({ startOver: true })
        return seek()
      }
      documents.push(...(await rowsOf(record)))
      await heartbeat()
    }
    const last = messages.at(-1).offset
    const offset = Number(last) + 1
    store.commit({ documents, offsets: { [partition]: offset } }) // one transaction
    resolveOffset(last)
    await consumer.commitOffsets([{ topic, partition, offset: String(offset) }])
  }

  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error))
    consumer.on(consumer.events.END_BATCH_PROCESS, () => options['until-caught-up'] && !isBehind() && resolve())
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve)
    consumer
      .subscribe({ topics: [topic], fromBeginning: true })
      .then(() => consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch }))
      .catch(reject)
  }).finally(() => consumer.disconnect())
}

// What an event says, as rows. With a live query that filters, an event also comes for a document that leaves the filter; its new
// value is kept here like any other, so the copy has every document that was ever in it.
async function rowsOf(record) {
  const event = cut(record.value.toString())
  const isWanted = collection => collection === (options.collection ?? collection)
  if (event.type === '"documentChanged"') {
    const [collection, id] = Object.values(cut(record.key.toString()))
    const document = cut(event.change).newValue ?? null // a remove has none
    const row = { collection: JSON.parse(collection), id, txnId: Number(event.txnId), document }
    return isWanted(row.collection) ? [row] : []
  }
  const rows = [] // requeryRequired
  for (const entry of Object.values(cut(event.documents)))
    if (isWanted(JSON.parse(entry).collectionName)) rows.push(await requery(entry, event.txnId))
  return rows
}

// Asks for the document that an entry names: not as it was in that transaction, but as it is in the answer's.
async function requery(entry, txnId) {
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
function cut(text) {
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
  const options = { credentials: 'headwater-data/credentials/default', group: 'copy-kafkajs', database: 'copy.jsonl', ...values }
  const read = file => JSON.parse(readFileSync(`${options.credentials}/${file}`, 'utf8'))
  options.topic ??= read('live-query-settings.json').topic
  options.bootstrap ??= read('../../run.json').kafka
  options.http ??= read('../../run.json').http
  return options
}
