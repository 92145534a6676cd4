// kafka-go, by segmentio. Its reader is of a group, or of one partition.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"headwater/compat/commandline"
)

func main() {
	wanted := commandline.Parse()
	bundle := commandline.Settings(wanted.Config)
	config := kafka.ReaderConfig{
		Brokers:           []string{bundle["bootstrap.servers"]},
		Topic:             wanted.Topic,
		GroupID:           wanted.Group,
		Dialer:            &kafka.Dialer{Timeout: 10 * time.Second, TLS: commandline.TLS(bundle)},
		MaxWait:           500 * time.Millisecond,
		SessionTimeout:    wanted.SessionTimeout,
		HeartbeatInterval: wanted.SessionTimeout / 6,
		ErrorLogger:       kafka.LoggerFunc(func(format string, values ...any) { complain(format, values) }),
	}
	if wanted.Group != "" {
		config.StartOffset = kafka.FirstOffset
	}
	reader := kafka.NewReader(config)
	if wanted.Group == "" {
		commandline.Check(reader.SetOffsetAt(context.Background(), time.UnixMilli(wanted.FromTime)))
	}
	for left := wanted.Count; left > 0; left-- {
		record, err := reader.FetchMessage(context.Background())
		commandline.Check(err)
		commandline.Show(int32(record.Partition), record.Offset, record.Key)
		if wanted.Group != "" {
			if err := reader.CommitMessages(context.Background(), record); err != nil {
				commandline.Complain(err) // whoever has the partition next gets the event again
			}
		}
	}
	commandline.Check(reader.Close())
}

func complain(format string, values []any) {
	commandline.Complain(fmt.Sprintf(format, values...))
}
