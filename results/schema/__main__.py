"""Write the JSON Schema beside the models: ``python -m results.schema``."""

from results.schema import FILE, json_schema

FILE.write_text(json_schema())
