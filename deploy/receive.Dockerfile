# The image of receivers and shippers, on Alpine: Debian's has 119 MB before anything is installed.
#   docker build -f deploy/receive.Dockerfile -t smile-trace-receive .
FROM python:3.12-alpine AS build
# hadolint ignore=DL3018
RUN apk add --no-cache gcc musl-dev
COPY . /source
# protobuf is compiled: its only wheel for Alpine is in Python, and takes 240 times as long.
RUN python -m venv --without-pip /opt/smile-trace \
    && pip --python /opt/smile-trace/bin/python install --no-cache-dir --no-compile \
        --no-binary protobuf -c /source/constraints.txt "/source[receive]"

FROM python:3.12-alpine
COPY --from=build /opt/smile-trace /opt/smile-trace
# As in the worker's image: both share a home, so the user id, too.
RUN adduser -D -u 10001 smile \
    && install -d -m 0700 -o smile -g smile /data
USER 10001
ENV PATH=/opt/smile-trace/bin:$PATH SMILE_TRACE_HOME=/data PYTHONUNBUFFERED=1 \
    PYTHONPYCACHEPREFIX=/tmp/bytecode
WORKDIR /etc/smile-trace
VOLUME /data
STOPSIGNAL SIGTERM
CMD ["smile-trace", "receive", "--log", "json"]
