"""What ingest reads: the kinds of data sources."""
