"""The contract of a feed (取込の約束): what each delivery must look like, and what happens when it does not.

``declared`` is what a mapping says of it, ``profile`` what a delivery looks like, ``compare`` what is odd
beside the declaration and the deliveries before, ``aside`` sets single records aside, ``propose`` writes the
change of text that would take the delivery. No value is ever in a profile: shares, lengths and kinds of
characters only.
"""
