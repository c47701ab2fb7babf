"""The servers that a cluster of REP needs, each a class in a file of its own. A new one is a new file, and its
class in this list."""

from cluster.elasticsearch import Elasticsearch
from cluster.kafka import Kafka, ProxiedKafka, SecuredKafka
from cluster.redis import NODES, SENTINELS, Master, Redis, Replica
from cluster.registry import Registry

# What is meant where no server is named.
USUAL = [server.name for server in (Kafka, Elasticsearch, Registry, Redis)]
# Names that mean several.
GROUPS = {
    "redis-sentinels": [server.name for server in (Master, Replica, *SENTINELS)],
    "redis-cluster": [server.name for server in NODES],
}
# In this order they get their ports from a --port-base: add new ones at the end.
SERVERS = {
    server.name: server
    for server in (Kafka, Elasticsearch, Registry, Redis, Master, Replica, *SENTINELS, *NODES, SecuredKafka, ProxiedKafka)
}
