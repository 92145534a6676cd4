// One member of a group, written with kafkajs. Prints a JSON line when it joined, for each event, and for each commit.
// Arguments: group, endpoint, topic, directory with ca.pem, user.pem and user.key.
const fs = require('fs');
const { Kafka, logLevel } = require('kafkajs');

const [group, endpoint, topic, directory] = process.argv.slice(2);
const pem = (name) => fs.readFileSync(`${directory}/${name}`, 'utf8');
const print = (line) => process.stdout.write(JSON.stringify(line) + '\n');

const kafka = new Kafka({
  clientId: 'member',
  brokers: [endpoint],
  ssl: { ca: [pem('ca.pem')], cert: pem('user.pem'), key: pem('user.key') },
  logLevel: logLevel.NOTHING,
});
const consumer = kafka.consumer({ groupId: group, sessionTimeout: 6000, heartbeatInterval: 500, rebalanceTimeout: 6000 });
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => print({ joined: payload.memberAssignment[topic] || [] }));
consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => print({ committed: payload.topics[0].partitions[0].offset }));
consumer.on(consumer.events.CRASH, ({ payload }) => print({ crash: String(payload.error) }));

(async () => {
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => print({ offset: message.offset, event: JSON.parse(message.value) }) });
})();
