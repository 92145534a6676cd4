// franz-go.
package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater/compat/commandline"
)

func main() {
	wanted := commandline.Parse()
	bundle := commandline.Settings(wanted.Config)
	settings := []kgo.Opt{
		kgo.SeedBrokers(bundle["bootstrap.servers"]),
		kgo.DialTLSConfig(commandline.TLS(bundle)),
		kgo.ConsumeTopics(wanted.Topic),
	}
	if wanted.Group != "" {
		settings = append(settings, kgo.ConsumerGroup(wanted.Group), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(wanted.SessionTimeout),
			kgo.HeartbeatInterval(wanted.SessionTimeout/6))
		if wanted.Protocol == "consumer" {
			settings = append(settings, kgo.ServerSideBalancer())
		}
	} else {
		settings = append(settings, kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(wanted.FromTime)))
	}
	client, err := kgo.NewClient(settings...)
	commandline.Check(err)
	for left := wanted.Count; left > 0; {
		fetches := client.PollFetches(context.Background())
		for _, it := range fetches.Errors() {
			commandline.Complain(it.Err)
		}
		for _, record := range fetches.Records() {
			commandline.Show(record.Partition, record.Offset, record.Key)
			if wanted.Group != "" {
				if err := client.CommitRecords(context.Background(), record); err != nil {
					commandline.Complain(err) // whoever has the partition next gets the event again
				}
			}
			if left--; left == 0 {
				break
			}
		}
	}
	client.Close()
}
