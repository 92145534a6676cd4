// Keeps on through a restore, with kafkajs: prints each event as offset, txnId, op, key and value with tabs between, and
// begins again where it is told to. Arguments: directory of credentials, endpoint, group, topic.
const fs = require('fs');
const { Kafka, logLevel } = require('kafkajs');

const [directory, endpoint, groupId, topic] = process.argv.slice(2);
const pem = (name) => fs.readFileSync(`${directory}/${name}`, 'utf8');
const kafka = new Kafka({
  clientId: 'restored',
  brokers: [endpoint],
  ssl: { ca: [pem('ca.pem')], cert: pem('user.pem'), key: pem('user.key') },
  retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 100 },
  logLevel: logLevel.NOTHING,
});
const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 500, rebalanceTimeout: 6000 });

const eachMessage = async ({ partition, message }) => {
  const { txnId } = JSON.parse(message.value);
  const op = message.headers.op.toString();
  process.stdout.write([message.offset, txnId, op, message.key, message.value].join('\t') + '\n');
  if (op === 'resync') consumer.seek({ topic, partition, offset: '0' });
};

(async () => {
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ autoCommitInterval: 500, eachMessage });
})();
