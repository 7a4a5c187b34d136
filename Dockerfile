# CPU:  docker build -t reelmill .
# CUDA: docker build -t reelmill:cuda --build-arg BASE=nvidia/cuda:12.6.3-runtime-ubuntu24.04 --build-arg EXTRAS=[burn,docx,cuda] .
# Run:  docker run --rm -v "$PWD/calls:/calls:ro" -v "$PWD/out:/out" reelmill voice /calls -o /out
ARG BASE=python:3.12-slim
FROM ${BASE}
ARG EXTRAS=[burn,docx]
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY . /source
RUN python3 -m venv /opt/reelmill && /opt/reelmill/bin/pip install --no-cache-dir "/source${EXTRAS}" \
    && case "${EXTRAS}" in *cuda*) /opt/reelmill/bin/pip uninstall -y onnxruntime \
       && /opt/reelmill/bin/pip install --no-cache-dir "onnxruntime-gpu[cuda,cudnn]" ;; esac \
    && rm -rf /source && useradd --create-home reelmill
USER reelmill
ENV PATH=/opt/reelmill/bin:$PATH
WORKDIR /home/reelmill
HEALTHCHECK CMD ["reelmill", "--version"]
ENTRYPOINT ["reelmill"]
CMD ["--help"]
