"""Whether one result is better than another, told from what git keeps of both; no stage of the pipeline needs it."""
