//! What the machine's firmware says of its maker.

use super::{Asked, Facts, content};
use crate::{Error, tool};

const FOLDER: &str = "/sys/devices/virtual/dmi/id";

/// Facts, with the kernel's and `dmidecode`'s names for them.
const NAMES: &[(&str, &str, &str)] = &[
    ("bios_date", "bios_date", "bios-release-date"),
    ("bios_vendor", "bios_vendor", "bios-vendor"),
    ("bios_version", "bios_version", "bios-version"),
    ("board_asset_tag", "board_asset_tag", "baseboard-asset-tag"),
    ("board_name", "board_name", "baseboard-product-name"),
    ("board_serial", "board_serial", "baseboard-serial-number"),
    ("board_vendor", "board_vendor", "baseboard-manufacturer"),
    ("board_version", "board_version", "baseboard-version"),
    ("chassis_asset_tag", "chassis_asset_tag", "chassis-asset-tag"),
    ("chassis_serial", "chassis_serial", "chassis-serial-number"),
    ("chassis_vendor", "chassis_vendor", "chassis-manufacturer"),
    ("chassis_version", "chassis_version", "chassis-version"),
    ("form_factor", "chassis_type", "chassis-type"),
    ("product_name", "product_name", "system-product-name"),
    ("product_serial", "product_serial", "system-serial-number"),
    ("product_uuid", "product_uuid", "system-uuid"),
    ("product_version", "product_version", "system-version"),
    ("system_vendor", "sys_vendor", "system-manufacturer"),
];

/// Kinds of chassis by the number that the standard gives them.
const CHASSIS: &[&str] = &[
    "Unknown",
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All In One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosure",
    "Tablet",
    "Convertible",
    "Detachable",
    "IoT Gateway",
    "Embedded PC",
    "Mini PC",
    "Stick PC",
];

pub(super) fn dmi(asked: &Asked<'_>) -> Result<Facts, Error> {
    let shown = std::path::Path::new(FOLDER).join("product_name").exists();
    let program = tool::find("dmidecode", asked.cx).is_some();
    let mut all = Facts::new();
    for (name, file, word) in NAMES {
        let value = match (shown, program) {
            (true, _) => content(format!("{FOLDER}/{file}")).map(|value| match *name {
                "form_factor" => chassis(&value),
                _ => value,
            }),
            (false, true) => decoded(word, asked)?,
            (false, false) => None,
        };
        all.insert((*name).to_owned(), value.unwrap_or_else(|| "NA".into()).into());
    }
    Ok(all)
}

fn chassis(number: &str) -> String {
    let name = number.parse::<usize>().ok().and_then(|number| CHASSIS.get(number));
    name.map_or_else(|| format!("unknown ({number})"), |name| (*name).to_owned())
}

fn decoded(word: &str, asked: &Asked<'_>) -> Result<Option<String>, Error> {
    let said = tool::Tool::new("dmidecode").args(["-s", word]).run(asked.cx)?;
    let lines: String = said.out.lines().filter(|line| !line.starts_with('#')).collect();
    Ok(said.ok().then_some(lines))
}
