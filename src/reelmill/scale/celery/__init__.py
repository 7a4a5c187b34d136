"""Shards through Celery, with Redis or RabbitMQ as broker. Needs the extra `[celery]`."""
