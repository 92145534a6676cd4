// confluent-kafka-go (librdkafka).
package main

import (
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"headwater/compat/commandline"
)

func main() {
	wanted := commandline.Parse()
	config := kafka.ConfigMap{"enable.auto.commit": false, "auto.offset.reset": "earliest", "group.id": "none"}
	for name, value := range commandline.Settings(wanted.Config) {
		config[name] = value
	}
	if wanted.Group != "" {
		config["group.id"] = wanted.Group
	}
	if wanted.Protocol == "consumer" {
		config["group.protocol"] = "consumer"
	} else {
		config["session.timeout.ms"] = int(wanted.SessionTimeout.Milliseconds())
		config["heartbeat.interval.ms"] = 1000
	}
	consumer, err := kafka.NewConsumer(&config)
	commandline.Check(err)
	if wanted.Group != "" {
		commandline.Check(consumer.SubscribeTopics([]string{wanted.Topic}, nil))
	} else {
		startAt(consumer, wanted)
	}
	for left := wanted.Count; left > 0; {
		switch event := consumer.Poll(200).(type) {
		case kafka.Error:
			commandline.Complain(event)
		case *kafka.Message:
			if event.TopicPartition.Error != nil {
				commandline.Complain(event.TopicPartition.Error)
				continue
			}
			commandline.Show(event.TopicPartition.Partition, int64(event.TopicPartition.Offset), event.Key)
			left--
			if wanted.Group != "" {
				if _, err := consumer.CommitMessage(event); err != nil {
					commandline.Complain(err) // whoever has the partition next gets the event again
				}
			}
		}
	}
	commandline.Check(consumer.Close())
}

func startAt(consumer *kafka.Consumer, wanted commandline.Options) {
	timeout := int((30 * time.Second).Milliseconds())
	metadata, err := consumer.GetMetadata(&wanted.Topic, false, timeout)
	commandline.Check(err)
	var times []kafka.TopicPartition
	for _, it := range metadata.Topics[wanted.Topic].Partitions {
		at := kafka.TopicPartition{Topic: &wanted.Topic, Partition: it.ID, Offset: kafka.Offset(wanted.FromTime)}
		times = append(times, at)
	}
	offsets, err := consumer.OffsetsForTimes(times, timeout)
	commandline.Check(err)
	commandline.Check(consumer.Assign(offsets))
}
