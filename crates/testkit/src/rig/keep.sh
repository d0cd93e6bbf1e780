# Keeps one host: starts it and ends with it. Turns it off when the pipe on standard input ends, which it does with
# the process that holds the rig, however that ends.
# $1: the file that takes a process into the host's control group; $2: the boot script; then its arguments, of
# which the host's folder is the first after the script's name.
door=$1 pid=$4/pid
shift
exec 3<&0 </dev/null
(
    echo 0 >"$door" &&
        exec unshare --mount --uts --ipc --net --pid --cgroup --fork --kill-child=KILL --propagation private \
            sh -c "$@"
) 3<&- &
host=$!
(
    cat <&3 >/dev/null
    # Whoever waits for the host's first process sees its end, and the keeper's own child with it.
    kill -KILL "$(cat "$pid")" || kill -KILL "$host"
) &
watch=$!
wait "$host"
rm -f "$pid"
kill "$watch"
