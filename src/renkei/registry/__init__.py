"""The unified registry: schema, migrations, linking, golden record, history."""
