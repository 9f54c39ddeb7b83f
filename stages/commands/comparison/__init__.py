"""Tell whether one result is better than another, from the files that git keeps of both; no stage needs it."""
