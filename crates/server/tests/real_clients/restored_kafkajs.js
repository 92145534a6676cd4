// Keeps a copy through a restore, with kafkajs: prints each event as offset, txnId, op, key and value with tabs between,
// and begins again where it is told to. Commits by itself: an automatic commit could put the group behind a resync before
// it stands at offset 0. Ends when its input does. Arguments: directory of credentials, endpoint, group, topic.
const fs = require('fs');
const { Kafka, logLevel } = require('kafkajs');

const [directory, endpoint, groupId, topic] = process.argv.slice(2);
process.stdin.on('end', () => process.exit()).resume();
const pem = (name) => fs.readFileSync(`${directory}/${name}`, 'utf8');
const kafka = new Kafka({
  clientId: 'restored',
  brokers: [endpoint],
  ssl: { ca: [pem('ca.pem')], cert: pem('user.pem'), key: pem('user.key') },
  retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 100 },
  logLevel: logLevel.NOTHING,
});
const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 500, rebalanceTimeout: 6000 });
const commit = (partition, offset) => consumer.commitOffsets([{ topic, partition, offset: String(offset) }]);
let committedAt = Date.now();

// What throws here is asked for once more by kafkajs, after it has joined the group again if it must.
const eachMessage = async ({ partition, message }) => {
  const { txnId } = JSON.parse(message.value);
  const op = message.headers.op.toString();
  // Offset 0 is committed before anything is read on.
  if (op === 'resync') await commit(partition, 0);
  process.stdout.write([message.offset, txnId, op, message.key, message.value].join('\t') + '\n');
  if (op === 'resync') {
    consumer.seek({ topic, partition, offset: '0' });
  } else if (Date.now() - committedAt > 500) {
    await commit(partition, BigInt(message.offset) + 1n);
    committedAt = Date.now();
  }
};

(async () => {
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ autoCommit: false, eachMessage });
})();
