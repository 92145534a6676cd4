// Keeps a copy of an app's documents in an SQLite file, from Headwater's change feed. The rules are in ../README.md.
import { cut, endsOf, kafka, options, requery } from './headwater.mjs'
import { Store } from './store.mjs'

const { topic } = options
const store = new Store(options.database, topic)
const ends = await endsOf(topic)
const isBehind = () => ends.some(([partition, end]) => store.nextOffset(partition) < end)
if (ends.some(([partition, end]) => store.nextOffset(partition) > end)) store.forget() // a restored backup, or a new server
if (!options['until-caught-up'] || isBehind()) await follow()
store.close()
process.exit() // after a lost connection, kafkajs may be about to start its consumer again

async function follow() {
  const consumer = kafka.consumer({ groupId: options.group, sessionTimeout: 10_000 }) // so long a killed one is waited for
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
      for await (const row of rowsOf(record)) rows.push(row)
      await heartbeat()
    }
    const next = Number(messages.at(-1).offset) + 1
    store.commit(rows, partition, next) // one transaction
    resolveOffset(messages.at(-1).offset)
    await consumer.commitOffsets([{ topic, partition, offset: String(next) }])
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

// What an event says, as rows. A document that leaves a live query's filter has an event too: its new value is kept like any other.
async function* rowsOf(record) {
  const event = cut(record.value.toString())
  const isWanted = collection => collection === (options.collection ?? collection)
  if (event.type === '"documentChanged"') {
    const [collection, id] = Object.values(cut(record.key.toString()))
    const document = cut(event.change).newValue ?? null // a remove has none
    const row = { collection: JSON.parse(collection), id, txnId: Number(event.txnId), document }
    if (isWanted(row.collection)) yield row
  } else { // requeryRequired
    for (const entry of Object.values(cut(event.documents)))
      if (isWanted(JSON.parse(entry).collectionName)) yield await requery(entry, event.txnId)
  }
}
