"""What every function runs on: AWS clients, settings, telemetry, secrets, queues, deadlines."""
