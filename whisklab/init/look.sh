# What `whisklab init` asks a machine; nothing is changed. Lines are `key value`.
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
set -- $(uname -n -m) && echo "name $1" && echo "machine $2"
sed -n "s/[\"']//g; s/^PRETTY_NAME=/os /p" /etc/os-release
echo "cpus $(nproc)"
sed -n 's/^MemTotal: *\([0-9]*\) kB/memory_kb \1/p' /proc/meminfo
command -v ip > /dev/null || echo "missing ip"
ip -o addr show scope global | sed 's/^/address /'
ip -o route show default | sed 's/^/route /'
ip -o -6 route show default | sed 's/^/route /'
echo end
