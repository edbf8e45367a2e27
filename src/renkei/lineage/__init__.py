"""Where a value comes from: back to the landed bytes, through the mapping that made it, and proved again."""
