"""The starter pack: small trained models that lie in the repository, so that the first run needs no model hub.

Importing this package does not import torch. `pack` names the models, `network` and `u2netp` build them,
`shelf` and `sample` make photos for the demo, `train` repeats the training.
"""
