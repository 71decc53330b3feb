"""Exports that look at pixels: masks as COCO, and cut-outs. Rows are `catalog.export`'s."""
