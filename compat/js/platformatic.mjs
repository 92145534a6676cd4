// @platformatic/kafka.

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { complain, options, settings, show } from './command_line.mjs'

const resolved = createRequire(`${process.env.NODE_PATH}/`).resolve('@platformatic/kafka')
const { Consumer } = await import(pathToFileURL(resolved))

const wanted = options()
const { brokers, tls } = settings(wanted.config)
// With the consumer protocol the session timeout is the server's.
const classic = { sessionTimeout: wanted.sessionTimeout, heartbeatInterval: 1000 }
const group = wanted.protocol === 'consumer' ? { groupProtocol: 'consumer' } : classic
const consumer = new Consumer({
  clientId: 'compat',
  groupId: wanted.group ?? `from-time-${process.pid}`,
  bootstrapBrokers: brokers,
  tls,
  autocommit: false,
  ...group,
})
consumer.on('consumer:heartbeat:error', ({ error }) => complain(error))

let begin = { mode: 'committed', fallbackMode: 'earliest' }
if (wanted.fromTime) {
  const found = await consumer.listOffsets({ topics: [wanted.topic], timestamp: BigInt(wanted.fromTime) })
  const offsets = found.get(wanted.topic).map((offset, partition) => ({ topic: wanted.topic, partition, offset }))
  begin = { mode: 'manual', offsets }
}
let left = wanted.count
try {
  const stream = await consumer.consume({ topics: [wanted.topic], ...begin })
  for await (const message of stream) {
    show(message.partition, message.offset, message.key)
    if (wanted.group) await message.commit()
    if (--left === 0) break
  }
  await consumer.close(true)
  process.exit(0)
} catch (error) {
  complain(error)
  process.exit(1)
}
