"""Backup and restore of a local stack: the files of Kafka and Postgres, copied together while neither runs.

Why files, and why both: rows, checkpoints and messages name each other by partition and offset, the inference
consumer's memory lies in offset commits, and transactions leave markers that take offsets too. Messages written anew
would get other offsets. A copy of the broker's files keeps every one of them, its consumer groups and its topic ids.

Why it is consistent: each service makes what a position says durable before it moves that position. What two stopped
servers hold is therefore what a machine that lost its power would hold, and every service goes on from that. Services
need not be stopped; they wait until the servers are back. Redis is left out: it is filled from Postgres.
"""
