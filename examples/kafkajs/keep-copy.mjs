// Keeps a copy of an app's documents in an SQLite file, from Headwater's change feed. The rules are in ../README.md.
import { cut, endsOf, kafka, options, requery } from './headwater.mjs'
import { Store } from './store.mjs'

const { topic } = options
const store = new Store(options.database, topic)
const ends = await endsOf(topic)

const isBehind = () => ends.some(([partition, end]) => store.nextOffset(partition) < end)
// The history of a restored backup, or of a new server:
if (ends.some(([partition, end]) => store.nextOffset(partition) > end)) store.forget()
if (!options['until-caught-up'] || isBehind()) await follow()
store.close()
process.exit() // after a lost connection, kafkajs may be about to start its consumer again

async function follow() {
  // A copy that was killed is missed after the session timeout; the next start waits for that.
  const consumer = kafka.consumer({ groupId: options.group, sessionTimeout: 10_000 })
  // Reads on where the store says, whenever it joins the group. What is committed to Kafka is only for those who watch the lag.
  const seek = () => ends.forEach(([partition]) => consumer.seek({ topic, partition, offset: String(store.nextOffset(partition)) }))

  const eachBatch = async ({ batch: { partition, messages }, heartbeat, isStale, resolveOffset }) => {
    if (isStale()) return // sought elsewhere since it was fetched
    const rows = []
    for (const record of messages) {
      if (record.headers.op?.toString() === 'resync') {
        store.forget()
        return seek()
      }
      rows.push(...(await rowsOf(record)))
      await heartbeat()
    }
    const last = messages.at(-1).offset
    const offset = Number(last) + 1
    store.commit(rows, partition, offset) // one transaction
    resolveOffset(last)
    await consumer.commitOffsets([{ topic, partition, offset: String(offset) }])
  }

  const isOver = new Promise((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, seek)
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error))
    consumer.on(consumer.events.END_BATCH_PROCESS, () => options['until-caught-up'] && !isBehind() && resolve())
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve)
  })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch })
  await isOver.finally(() => consumer.disconnect())
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
