"""Results out of the catalog into files: part by part, so that an export of any size can be gone on with.

`run.export` does it: a part is written under another name, kept on disk and renamed, then `_export.json` says so.
Killed anywhere, the same export goes on after the last part that `_export.json` knows.
"""
