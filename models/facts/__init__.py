"""Facts of a photo that shops filter by: the product's colours, how good the photo is, a fingerprint of it.

`describer` is the door: photos in, facts out, beside the other predictors. `palette` names colours, `colours` counts
them, `ground` tells the product apart where no mask does, `quality` looks at blur and light, `fingerprint` hashes.

Nothing here is left to chance: facts are a function of the decoded pixels and of the mask. The pixels of one file may
differ a little between passes, as a JPEG is decoded no larger than the most demanding model of the pass asks for.
"""
