//! Disks and what they are divided into.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{Facts, content, fact, facts, names};

/// Names of devices, by the device that they lead to.
type Links = BTreeMap<String, Vec<String>>;

pub(super) fn devices() -> Facts {
    let links = [
        ("ids", links("/dev/disk/by-id")),
        ("uuids", links("/dev/disk/by-uuid")),
        ("labels", links("/dev/disk/by-label")),
        ("masters", masters()),
    ];
    let mut devices = Map::new();
    for name in names("/sys/block") {
        let Ok(place) = fs::canonicalize(Path::new("/sys/block").join(&name)) else { continue };
        devices.insert(name.clone(), device(&name, &place, &links));
    }
    let links: Map<String, Value> =
        links.into_iter().map(|(kind, links)| (kind.to_owned(), json!(links))).collect();
    facts([("devices", devices.into()), ("device_links", links.into())])
}

fn device(name: &str, place: &Path, links: &[(&str, Links); 4]) -> Value {
    let queue = |file: &str| content(place.join("queue").join(file));
    let mut all = Map::new();
    all.insert("virtual".into(), 1.into());
    all.insert("links".into(), links_of(name, links));
    for key in ["vendor", "model", "sas_address", "sas_device_handle"] {
        all.insert(key.into(), fact(place.join("device").join(key)));
    }
    if let Some(serial) = content(place.join("device/serial")) {
        all.insert("serial".into(), serial.into());
    }
    let wwn = links[0].1.get(name).into_iter().flatten().find_map(|id| id.strip_prefix("wwn-"));
    if let Some(wwn) = wwn {
        all.insert("wwn".into(), wwn.into());
    }
    let never = queue("discard_max_hw_bytes").as_deref() == Some("0");
    let discard = if never { Value::from("0") } else { fact(place.join("queue/discard_granularity")) };
    all.insert("support_discard".into(), discard);
    all.insert("removable".into(), fact(place.join("removable")));
    all.insert("rotational".into(), fact(place.join("queue/rotational")));
    let scheduler = queue("scheduler").unwrap_or_default();
    let chosen = scheduler.split_once('[').and_then(|(_, rest)| rest.split(']').next()).unwrap_or_default();
    all.insert("scheduler_mode".into(), chosen.into());
    all.insert("host".into(), "".into());
    sizes(&mut all, place);
    all.insert("holders".into(), holders(place));
    let parts = names(place).into_iter().filter(|part| is_part(name, part));
    let parts: Map<String, Value> =
        parts.map(|part| (part.clone(), partition(&part, &place.join(&part), links))).collect();
    all.insert("partitions".into(), parts.into());
    all.into()
}

/// Whether a folder of a disk is one of its partitions: the disk's name, perhaps a `p`, and a number.
fn is_part(disk: &str, name: &str) -> bool {
    let rest = name.strip_prefix(disk).map(|rest| rest.strip_prefix('p').unwrap_or(rest));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn partition(name: &str, place: &Path, links: &[(&str, Links); 4]) -> Value {
    let mut all = Map::new();
    all.insert("links".into(), links_of(name, links));
    all.insert("start".into(), content(place.join("start")).map_or(0.into(), Value::from));
    let uuid = links[1].1.get(name).and_then(|uuids| uuids.first());
    all.insert("uuid".into(), json!(uuid));
    sizes(&mut all, place);
    all.insert("holders".into(), holders(place));
    all.into()
}

/// How large it is. The kernel counts in pieces of 512 bytes, whatever the disk's own are.
fn sizes(all: &mut Map<String, Value>, place: &Path) {
    let own = ["logical_block_size", "hw_sector_size"]
        .iter()
        .find_map(|file| content(place.join("queue").join(file)));
    let bytes = content(place.join("size")).and_then(|size| size.parse::<u64>().ok()).unwrap_or(0) * 512;
    let sector = own.as_deref().and_then(|own| own.parse::<u64>().ok()).filter(|own| *own > 0).unwrap_or(512);
    all.insert("sectorsize".into(), own.map_or(512.into(), Value::from));
    all.insert("sectors".into(), (bytes / sector).into());
    all.insert("size".into(), human(bytes).into());
}

/// A size as people read it.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["Bytes", "KB", "MB", "GB", "TB", "PB"];
    let (mut number, mut unit) = (bytes as f64, 0);
    while number >= 1024.0 && unit + 1 < UNITS.len() {
        number /= 1024.0;
        unit += 1;
    }
    format!("{number:.2} {}", UNITS[unit])
}

fn holders(place: &Path) -> Value {
    let folder = place.join("holders");
    let held = names(&folder).into_iter().filter(|name| name.starts_with("dm-"));
    held.map(|name| content(folder.join(&name).join("dm/name")).unwrap_or(name)).collect()
}

fn links_of(name: &str, links: &[(&str, Links); 4]) -> Value {
    let of = |links: &Links| json!(links.get(name).map_or(&[][..], Vec::as_slice));
    links.iter().map(|(kind, links)| ((*kind).to_owned(), of(links))).collect::<Map<_, _>>().into()
}

fn links(folder: &str) -> Links {
    let mut links = Links::new();
    for name in names(folder) {
        let target: Option<PathBuf> = fs::read_link(Path::new(folder).join(&name)).ok();
        let target =
            target.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        links.entry(target.unwrap_or_default()).or_default().push(name);
    }
    links
}

/// The devices that each device is a part of.
fn masters() -> Links {
    let mut links = Links::new();
    for device in names("/sys/block") {
        for part in names(format!("/sys/block/{device}/slaves")) {
            links.entry(part).or_default().push(device.clone());
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_names_of_parts() {
        assert_eq!([human(0), human(1536), human(270_553_174_016)], ["0.00 Bytes", "1.50 KB", "251.97 GB"]);
        for (disk, name, is) in [
            ("sda", "sda1", true),
            ("nvme0n1", "nvme0n1p2", true),
            ("sda", "slaves", false),
            ("sda", "sda", false),
            ("sda", "sdab1", false),
        ] {
            assert_eq!(is_part(disk, name), is, "{name} of {disk}");
        }
    }
}
