"""A producer that shares no code with REP: Confluent's client for Python, its Avro serializer, its registry client.

Reads actions as JSON, one a line, and appends each to a topic by the newest schema registered for it, or by the version
that --version names. Prints `partition offset` for each, in order. Fields that the schema has and a line has not are
null.
"""

import argparse
import json
import sys

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--registry", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--version", type=int, help="of the schema; the newest by default")
    parser.add_argument("--partitioner", default="murmur2_random", help="as librdkafka names it")
    parser.add_argument("--raw", action="store_true", help="append lines as they are, without a schema")
    return parser.parse_args()


def main():
    told = arguments()
    registry = SchemaRegistryClient({"url": told.registry})
    producer = Producer({"bootstrap.servers": told.brokers, "partitioner": told.partitioner, "acks": "all"})
    subject, context = f"{told.topic}-value", SerializationContext(told.topic, MessageField.VALUE)
    if told.version:
        schema, known = registry.get_version(subject, told.version).schema, {"use.latest.version": False}
    else:
        schema, known = registry.get_latest_version(subject).schema, {"use.latest.version": True}
    serialize = AvroSerializer(registry, schema.schema_str, conf={"auto.register.schemas": False, **known})
    fields = [field["name"] for field in json.loads(schema.schema_str)["fields"]]
    places, failures = {}, []

    for number, line in enumerate(sys.stdin):
        action = json.loads(line)
        value = line.strip().encode() if told.raw else serialize({name: action.get(name) for name in fields}, context)

        def delivered(error, message, number=number):
            if error:
                failures.append(str(error))
            else:
                places[number] = (message.partition(), message.offset())

        producer.produce(told.topic, key=action["userId"].encode(), value=value, on_delivery=delivered)
    left = producer.flush(30)
    if left or failures:
        sys.exit(f"{left} are not delivered: {failures[:3]}")
    for number in sorted(places):
        print(*places[number])


if __name__ == "__main__":
    main()
