// sarama, by IBM.
package main

import (
	"context"

	"github.com/IBM/sarama"

	"headwater/compat/commandline"
)

func main() {
	wanted := commandline.Parse()
	bundle := commandline.Settings(wanted.Config)
	config := sarama.NewConfig()
	config.Net.TLS.Enable = true
	config.Net.TLS.Config = commandline.TLS(bundle)
	config.Consumer.Return.Errors = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	// It commits every second, as it does by default: its one connection to a broker takes a commit only after the fetch that
	// waits for events.
	config.Consumer.Group.Session.Timeout = wanted.SessionTimeout
	config.Consumer.Group.Heartbeat.Interval = wanted.SessionTimeout / 6
	client, err := sarama.NewClient([]string{bundle["bootstrap.servers"]}, config)
	commandline.Check(err)
	if wanted.Group == "" {
		fromTime(client, wanted)
		return
	}
	group, err := sarama.NewConsumerGroupFromClient(wanted.Group, client)
	commandline.Check(err)
	go func() {
		for err := range group.Errors() {
			commandline.Complain(err)
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan int64, 1)
	left <- wanted.Count
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{wanted.Topic}, handler{left, cancel}); err != nil {
			commandline.Complain(err)
		}
	}
	commandline.Check(group.Close())
}

// handler has how many events are left, which one partition at a time takes.
type handler struct {
	left   chan int64
	cancel context.CancelFunc
}

func (handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for record := range claim.Messages() {
		left := <-h.left
		if left > 0 && session.Context().Err() == nil {
			commandline.Show(record.Partition, record.Offset, record.Key)
			session.MarkMessage(record, "")
			left--
		}
		h.left <- left
		if left == 0 {
			h.cancel()
			return nil
		}
	}
	return nil
}

func fromTime(client sarama.Client, wanted commandline.Options) {
	consumer, err := sarama.NewConsumerFromClient(client)
	commandline.Check(err)
	partitions, err := consumer.Partitions(wanted.Topic)
	commandline.Check(err)
	records := make(chan *sarama.ConsumerMessage)
	for _, partition := range partitions {
		offset, err := client.GetOffset(wanted.Topic, partition, wanted.FromTime)
		commandline.Check(err)
		claim, err := consumer.ConsumePartition(wanted.Topic, partition, offset)
		commandline.Check(err)
		go func() {
			for record := range claim.Messages() {
				records <- record
			}
		}()
	}
	for left := wanted.Count; left > 0; left-- {
		record := <-records
		commandline.Show(record.Partition, record.Offset, record.Key)
	}
}
