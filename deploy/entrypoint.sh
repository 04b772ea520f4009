#!/bin/sh
# Entry point of a container that serves graphs. Arguments are passed through; without any, the environment decides:
#
#   OMNIGRAPH_CLUSTER      serve a cluster; excludes the others
#   OMNIGRAPH_TARGET_URI   serve the graph at this URI (with OMNIGRAPH_CONFIG for policy and queries)
#   OMNIGRAPH_CONFIG       serve the graphs of this config file, or the one that OMNIGRAPH_TARGET names
#   OMNIGRAPH_BIND         listen address, 0.0.0.0:8080 by default
#
# Exit code 64 (EX_USAGE of sysexits.h): the variables do not say what to serve.
set -eu

server="${OMNIGRAPH_SERVER_BIN:-omnigraph-server}"
if [ "$#" -gt 0 ]; then
  exec "$server" "$@"
fi

bind="${OMNIGRAPH_BIND:-0.0.0.0:8080}"
if [ -n "${OMNIGRAPH_CLUSTER:-}" ]; then
  if [ -n "${OMNIGRAPH_TARGET_URI:-}${OMNIGRAPH_CONFIG:-}${OMNIGRAPH_TARGET:-}" ]; then
    echo "OMNIGRAPH_CLUSTER excludes OMNIGRAPH_TARGET_URI, OMNIGRAPH_CONFIG and OMNIGRAPH_TARGET; set one of them only" >&2
    exit 64
  fi
  exec "$server" --cluster "$OMNIGRAPH_CLUSTER" --bind "$bind"
fi
if [ -n "${OMNIGRAPH_TARGET_URI:-}" ]; then
  if [ -n "${OMNIGRAPH_CONFIG:-}" ]; then
    exec "$server" "$OMNIGRAPH_TARGET_URI" --config "$OMNIGRAPH_CONFIG" --bind "$bind"
  fi
  exec "$server" "$OMNIGRAPH_TARGET_URI" --bind "$bind"
fi
if [ -n "${OMNIGRAPH_CONFIG:-}" ]; then
  if [ -n "${OMNIGRAPH_TARGET:-}" ]; then
    exec "$server" --config "$OMNIGRAPH_CONFIG" --target "$OMNIGRAPH_TARGET" --bind "$bind"
  fi
  exec "$server" --config "$OMNIGRAPH_CONFIG" --bind "$bind"
fi
echo "nothing to serve: set OMNIGRAPH_TARGET_URI, OMNIGRAPH_CONFIG (with OMNIGRAPH_TARGET for one graph) or OMNIGRAPH_CLUSTER" >&2
exit 64
