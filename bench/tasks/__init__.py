"""What contenders do. Each module imports what its tasks need, so that a stage's memory is its own."""
