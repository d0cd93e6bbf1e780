//! Processors, memory, and for how long it has been on.

use serde_json::{Value, json};

use super::{Facts, content, facts};

pub(super) fn processor() -> Facts {
    let text = content("/proc/cpuinfo").unwrap_or_default();
    let mut all = of(&text, std::env::consts::ARCH);
    // Those that this process may run on.
    if let Ok(set) = rustix::thread::sched_getaffinity(None) {
        all.insert("processor_nproc".into(), set.count().into());
    }
    all
}

/// How many, by an id.
type Counts = Vec<(String, u64)>;

/// What `/proc/cpuinfo` says.
fn of(text: &str, arch: &str) -> Facts {
    let (mut list, mut flags) = (Vec::new(), None);
    let (mut vendors, mut models, mut processors) = (0_u64, 0_u64, 0_u64);
    // Sockets and cores by their ids, in their order, with how many cores and threads they have.
    let (mut sockets, mut cores) = (Counts::new(), Counts::new());
    let (mut socket, mut core) = (String::new(), String::new());
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let (name, value) = (name.trim(), value.trim());
        match name {
            "flags" => flags = Some(value.split_whitespace().collect::<Vec<_>>()),
            "model name" | "Processor" | "vendor_id" | "cpu" | "Vendor" | "processor" => {
                vendors += u64::from(name == "vendor_id");
                models += u64::from(name == "model name");
                processors += u64::from(name == "processor");
                list.push(value);
            }
            "physical id" => {
                value.clone_into(&mut socket);
                if !sockets.iter().any(|(id, _)| id == value) {
                    sockets.push((value.to_owned(), 1));
                }
            }
            "core id" => {
                value.clone_into(&mut core);
                if !cores.iter().any(|(id, _)| id == value) {
                    cores.push((value.to_owned(), 1));
                }
            }
            "cpu cores" => set(&mut sockets, &socket, value),
            "siblings" => set(&mut cores, &core, value),
            _ => {}
        }
    }
    let of_arm = ["arm", "aarch", "powerpc"].iter().any(|family| arch.starts_with(family));
    let counted = match (of_arm, vendors > 0 && vendors == models) {
        (true, _) => processors,
        (false, true) => vendors,
        (false, false) => list.len() as u64,
    };
    let count = if sockets.is_empty() { counted } else { sockets.len() as u64 };
    let per_socket = sockets.first().map_or(1, |(_, cores)| (*cores).max(1));
    let siblings = cores.first().map_or(1, |(_, threads)| *threads);
    let threads = rounded(siblings, per_socket);
    let mut all = facts([
        ("processor", json!(list)),
        ("processor_count", count.into()),
        ("processor_cores", per_socket.into()),
        ("processor_threads_per_core", threads.into()),
        ("processor_vcpus", (threads * count * per_socket).into()),
        ("processor_nproc", processors.into()),
    ]);
    if let Some(flags) = flags {
        all.insert("flags".into(), json!(flags));
    }
    all
}

fn set(known: &mut Counts, id: &str, value: &str) {
    let Ok(value) = value.parse() else { return };
    match known.iter_mut().find(|(known, _)| known == id) {
        Some((_, count)) => *count = value,
        None => known.push((id.to_owned(), value)),
    }
}

/// A quotient as Python rounds it: halves go to the even neighbour.
fn rounded(number: u64, by: u64) -> u64 {
    let (whole, rest) = (number / by, number % by * 2);
    whole + u64::from(rest > by || (rest == by && whole % 2 == 1))
}

pub(super) fn memory() -> Facts {
    let text = content("/proc/meminfo").unwrap_or_default();
    let stat = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
    };
    let [total, free, swap, swap_free] = ["MemTotal", "MemFree", "SwapTotal", "SwapFree"].map(stat);
    let [cached, buffers, swap_cached] = ["Cached", "Buffers", "SwapCached"].map(stat);
    let less = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_sub(b?));
    let spare = cached.zip(buffers).zip(free).map(|((cached, buffers), free)| cached + buffers + free);
    let memory = json!({
        "real": { "total": total, "used": less(total, free), "free": free },
        "nocache": { "free": spare, "used": less(total, spare) },
        "swap": { "total": swap, "free": swap_free, "used": less(swap, swap_free), "cached": swap_cached },
    });
    facts([
        ("memtotal_mb", json!(total)),
        ("memfree_mb", json!(free)),
        ("swaptotal_mb", json!(swap)),
        ("swapfree_mb", json!(swap_free)),
        ("memory_mb", memory),
    ])
}

pub(super) fn uptime() -> Facts {
    let text = content("/proc/uptime").unwrap_or_default();
    let seconds = text.split(['.', ' ']).next().and_then(|word| word.parse::<u64>().ok());
    facts([("uptime_seconds", seconds.map_or(Value::Null, Value::from))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_counted() {
        let one = |n: u32, socket: u32, core: u32| {
            format!(
                "processor : {n}\nvendor_id : V\nmodel name : M\nphysical id : {socket}\nsiblings : 4\n\
                 core id : {core}\ncpu cores : 2\nflags : a b\n\n"
            )
        };
        let text: String = (0..8).map(|n| one(n, n / 4, n % 2)).collect();
        let all = of(&text, "x86_64");
        let names = ["count", "cores", "threads_per_core", "vcpus", "nproc"];
        let said = names.map(|name| all[&format!("processor_{name}")].as_u64().unwrap());
        assert_eq!(said, [2, 2, 2, 8, 8]);
        assert_eq!((all["processor"][1].as_str(), all["flags"][1].as_str()), (Some("V"), Some("b")));
        let all = of("processor : 0\nBogoMIPS : 1\n\nprocessor : 1\n", "aarch64");
        assert_eq!((&all["processor_count"], &all["processor_vcpus"]), (&json!(2), &json!(2)));
        assert_eq!([rounded(1, 2), rounded(3, 2), rounded(5, 3), rounded(4, 4)], [0, 2, 2, 1]);
    }
}
