#!/usr/bin/env bash
CLUSTER_CERT_LOCATION=/var/lib/headwater/credentials/shop/users/ann/cluster.p12
CLUSTER_CERT_PW=10WVUGCiPDdAZhCIUJGaHbyAG1a4IPGw

USER_CERT_LOCATION=/var/lib/headwater/credentials/shop/users/ann/user.p12
USER_CERT_PW=H0oOAj6hGuUkln03wPTUOYYAxZIk2Lhx

CLOUD_ENDPOINT=localhost:9093
TOPIC=user-consumable-shop

KAFKA=${KAFKA:-/path/to/kafka_2.13-3.1.0}

$KAFKA/bin/kafka-console-consumer.sh \
 --bootstrap-server $CLOUD_ENDPOINT \
 --consumer-property security.protocol=SSL \
 --consumer-property ssl.truststore.password=$CLUSTER_CERT_PW \
 --consumer-property ssl.truststore.location=$CLUSTER_CERT_LOCATION \
 --consumer-property ssl.keystore.password=$USER_CERT_PW \
 --consumer-property ssl.keystore.location=$USER_CERT_LOCATION \
 --group $TOPIC \
 --topic $TOPIC
