"""What change streams are made of: bytes of a log as rows, and transactions as deliveries."""
