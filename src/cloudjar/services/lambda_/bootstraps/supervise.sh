#!/bin/sh
# Runs a function's extensions and, when it is told to, its runtime; tells how each of them ended.
#   supervise.sh PIPE COUNT EXTENSION... RUNTIME ARGUMENT...
# Output of the runtime goes to standard output, that of extensions to standard error, so that the two can be told apart.
pipe=$1 count=$2
shift 2
exec 3<"$pipe"
ended() { printf '\001%s %s\n' "$1" "$2" >&2; }
number=0
while [ "$number" -lt "$count" ]; do
  extension=$1
  shift
  (
    unset AWS_EXECUTION_ENV AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_XRAY_CONTEXT_MISSING AWS_XRAY_DAEMON_ADDRESS \
      LAMBDA_RUNTIME_DIR LAMBDA_TASK_ROOT _AWS_XRAY_DAEMON_ADDRESS _AWS_XRAY_DAEMON_PORT _HANDLER
    exec 3<&-
    "$extension" >&2
    ended "$number" $?
  ) &
  number=$((number + 1))
done
read -r _ <&3 || exit 1
exec 3<&-
"$@" 2>&1 &
runtime=$!
# Lambda gives a runtime 300 milliseconds to end by itself.
trap 'kill -TERM "$runtime"; (sleep 0.3; kill -KILL "$runtime") 2>/dev/null &' TERM
while :; do
  wait "$runtime"
  code=$?
  kill -0 "$runtime" 2>/dev/null || break
done
ended runtime "$code"
trap '' TERM
wait
exit "$code"
