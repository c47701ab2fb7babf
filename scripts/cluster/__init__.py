"""The servers that a cluster of REP needs, each a class in a file of its own. A new one is a new file, and its
class in this list."""

from cluster.elasticsearch import Elasticsearch
from cluster.kafka import Kafka
from cluster.redis import Redis
from cluster.registry import Registry

# In this order they get their ports from a --port-base: add new ones at the end.
SERVERS = {server.name: server for server in (Kafka, Elasticsearch, Registry, Redis)}
