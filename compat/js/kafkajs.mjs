// kafkajs. It has no consumer without a group: a start at a time is a seek in a group of its own.

import { createRequire } from 'node:module'
import { complain, options, settings, show } from './command_line.mjs'

const { Kafka, logLevel } = createRequire(`${process.env.NODE_PATH}/`)('kafkajs')

const wanted = options()
const { brokers, tls } = settings(wanted.config)
const logCreator = () => ({ log }) => complain(log.message, log.error ?? '')
const kafka = new Kafka({ brokers, ssl: tls, clientId: 'compat', logLevel: logLevel.WARN, logCreator })
const groupId = wanted.group ?? `from-time-${process.pid}`
const consumer = kafka.consumer({ groupId, sessionTimeout: wanted.sessionTimeout, heartbeatInterval: 1000 })
// It starts itself again after a crash that may pass; a crash for good ends the program.
consumer.on(consumer.events.CRASH, ({ payload }) => {
  complain(payload.error)
  if (!payload.restart) process.exit(1)
})

let left = wanted.count
await consumer.connect()
await consumer.subscribe({ topics: [wanted.topic], fromBeginning: !wanted.fromTime })
await consumer.run({
  autoCommit: false,
  eachMessage: async ({ topic, partition, message }) => {
    if (left === 0) return
    show(partition, message.offset, message.key)
    if (wanted.group) {
      await consumer.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }])
    }
    left -= 1
    // Not awaited: it waits for this very call.
    if (left === 0) consumer.disconnect().then(() => process.exit(0))
  },
})
if (wanted.fromTime) {
  const admin = kafka.admin()
  await admin.connect()
  const offsets = await admin.fetchTopicOffsetsByTimestamp(wanted.topic, wanted.fromTime)
  await admin.disconnect()
  for (const { partition, offset } of offsets) consumer.seek({ topic: wanted.topic, partition, offset })
}
