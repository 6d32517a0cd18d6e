"""The graphs again in shorter numbers: int8 and float16."""
