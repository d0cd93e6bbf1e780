# Makes a fresh Debian system a host's base; runs inside it, as root.
set -e
# What belongs to a machine and not to a host in namespaces.
systemctl mask --quiet systemd-sysctl.service systemd-modules-load.service systemd-udevd.service \
    systemd-udev-trigger.service systemd-networkd.service systemd-logind.service systemd-resolved.service \
    systemd-timesyncd.service getty@.service console-getty.service dev-hugepages.mount dev-mqueue.mount \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
    proc-sys-fs-binfmt_misc.automount
# What would run at a moment of its own choosing.
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer logrotate.timer
systemctl set-default --quiet multi-user.target
systemctl enable --quiet ssh.service

useradd --create-home --uid 1000 --shell /bin/bash ops
useradd --create-home --uid 1001 --shell /bin/bash pw
echo "pw:$1" | chpasswd
echo 'ops ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops
echo 'pw ALL=(ALL:ALL) ALL' >/etc/sudoers.d/pw
chmod 440 /etc/sudoers.d/*
printf 'permit nopass ops\npermit pw\n' >/etc/doas.conf
chmod 600 /etc/doas.conf
install -d -m 700 /root/.ssh
mkdir -p /var/lib/containerd /var/lib/docker /var/lib/etcd /var/lib/kubelet
install -d -m 700 -o ops -g ops /home/ops/.ssh

# Every host brings its own.
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id
: >/etc/resolv.conf
# No packages but those that a test brings: there is no internet.
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /etc/apt/sources.list.d/*
: >/etc/apt/sources.list
# Logs stay in memory, so that what a run wrote stands alone on the disk.
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\n' >/etc/systemd/journald.conf.d/rig.conf
rm -rf /var/log/journal

# Programs that look for a kernel's modules find those that are built in.
modules=/lib/modules/$(uname -r)
mkdir -p "$modules"
for module in fs/overlayfs/overlay net/bridge/br_netfilter net/netfilter/nf_conntrack net/bridge/bridge \
    drivers/net/veth drivers/net/vxlan/vxlan net/ipv4/netfilter/ip_tables; do
    echo "kernel/$module.ko"
done >"$modules/modules.builtin"
: >"$modules/modules.order"
depmod
