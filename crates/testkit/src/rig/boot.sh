# The first process of a host, in namespaces of its own: makes the host's world and becomes systemd.
# $1: the host's folder outside; $2: its name; $3: the folder of the base system.
set -e
folder=$1 name=$2 base=$3

# The process files are still those of the machine: this is our number there.
read -r pid rest </proc/self/stat
echo "$pid" >"$folder/pid.new"
mv "$folder/pid.new" "$folder/pid"

hostname "$name"
root=$folder/root
# The last mount of a host that was killed a moment ago may take its time to go.
try=0
until mount -t overlay "$name" -o "lowerdir=$base,upperdir=$folder/upper,workdir=$folder/work,index=off,metacopy=off,redirect_dir=off" "$root"; do
    try=$((try + 1))
    [ "$try" -lt 20 ]
    sleep 0.1
done
cd "$root"

if [ -e "$folder/seed" ]; then
    cp -r "$folder/seed/." .
    chmod 600 etc/ssh/ssh_host_ed25519_key
    chmod 700 root/.ssh home/ops/.ssh
    chown -R 1000:1000 home/ops
    rm -r "$folder/seed"
fi

mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t tmpfs -o mode=755,size=1m tmpfs dev
device() { mknod -m 666 "dev/$1" c "$2" "$3"; }
device null 1 3; device zero 1 5; device full 1 7; device random 1 8; device urandom 1 9; device tty 5 0
device kmsg 1 11; device fuse 10 229
mkdir dev/pts dev/shm dev/net
device net/tun 10 200
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o nosuid,nodev,mode=1777,size=512m tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o nosuid,nodev,mode=755,size=512m tmpfs run
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup

# These hold file systems that cannot lie on an overlay.
for data in containerd docker etcd kubelet; do
    mkdir -p "$folder/data/$data"
    mount --bind "$folder/data/$data" "var/lib/$data"
done

# Settings of the kernel that are the machine's: the host gets private files that look like them.
mkdir run/.rig run/.rig/kernel
cp -r "$folder/../sysctl" run/.rig/sysctl
mount --bind proc/sys/kernel run/.rig/kernel
for tree in fs kernel vm; do
    mount --bind "run/.rig/sysctl/$tree" "proc/sys/$tree"
done
for own in domainname hostname random; do
    mount --bind "run/.rig/kernel/$own" "proc/sys/kernel/$own"
done
umount -l run/.rig/kernel
if [ -e proc/sysrq-trigger ]; then mount --bind dev/null proc/sysrq-trigger; fi

# The network card is plugged in from outside.
until [ -e "$folder/plugged" ]; do sleep 0.01; done
rm "$folder/plugged"

mkdir run/.rig/old
pivot_root . run/.rig/old
cd /
umount -l run/.rig/old
rmdir run/.rig/old run/.rig/kernel
exec env -i container=rig TERM=linux PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --log-target=journal --show-status=false
