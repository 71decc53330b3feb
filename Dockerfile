# One image for workers, beat, Flower and migrations; the command says which.
#
#   docker build -t tagmill .
#   docker build -t tagmill:gpu --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .

FROM python:3.12-slim

# Where torch comes from. For the CPU by default: the builds for GPUs are several gigabytes larger.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    TORCH_HOME=/models \
    TAGMILL_CACHE_DIR=/models \
    HOME=/tmp

# Networks are compiled where they run; without a compiler they run up to three times slower.
RUN apt-get update && apt-get install --yes --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*

RUN groupadd --gid 10001 tagmill \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin tagmill \
    && install --directory --owner=tagmill --group=tagmill /models /runs

WORKDIR /app

# torch first and alone, so that a change in the code does not fetch it again. Each device's builds have an index of their
# own with hashes of their own: these two, and what they bring, are held by version. All else is held by hash.
COPY supply/torch.txt supply/
RUN pip install --requirement supply/torch.txt --index-url "${TORCH_INDEX}"

COPY supply/image.lock supply/
RUN pip install --require-hashes --only-binary :all: --no-deps --requirement supply/image.lock

COPY . .
# Installed in place: migrations and starter weights are read from beside the code.
RUN pip install --no-deps --no-build-isolation --editable . && pip check \
    && python -m compileall -q catalog migrations models workers

USER tagmill
VOLUME ["/models", "/runs"]

CMD ["tagmill", "--help"]
