"""Neural networks: decode a photo, predict, train, evaluate. No database, no queue, no S3."""

import os

# Libraries that fetch published weights, such as torchvision, load them as pickles that may run code, and believe what
# lies in their cache folder. Torch looks at this at each load, of this process and of those it starts.
os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
