"""What the demo runs on: real weights and real data that ordinary packages carry."""
