"""The costs of a busy month: queries, pages and ingest on both databases, and beside `ccusage`."""
