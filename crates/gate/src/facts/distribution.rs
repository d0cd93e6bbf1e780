//! Which distribution it is, found as Ansible finds it: by the first of many files that is there and fits.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use super::{Asked, Facts, content, facts};
use crate::{Error, tool, tool::Tool};

/// Where distributions say who they are, in the order in which they are asked.
const FILES: &[(&str, &str)] = &[
    ("/etc/altlinux-release", "Altlinux"),
    ("/etc/oracle-release", "OracleLinux"),
    ("/etc/slackware-version", "Slackware"),
    ("/etc/centos-release", "CentOS"),
    ("/etc/redhat-release", "RedHat"),
    ("/etc/openwrt_release", "OpenWrt"),
    ("/etc/os-release", "Amazon"),
    ("/etc/system-release", "Amazon"),
    ("/etc/alpine-release", "Alpine"),
    ("/etc/arch-release", "Archlinux"),
    ("/etc/os-release", "Archlinux"),
    ("/etc/os-release", "SUSE"),
    ("/etc/gentoo-release", "Gentoo"),
    ("/etc/os-release", "Debian"),
    ("/etc/lsb-release", "Debian"),
    ("/etc/os-release", "Flatcar"),
    ("/etc/os-release", "NA"),
];

/// Families with more members than the one that they are named after.
const FAMILIES: &[(&str, &[&str])] = &[
    (
        "RedHat",
        &[
            "RHEL",
            "Fedora",
            "CentOS",
            "Scientific",
            "SLC",
            "Ascendos",
            "CloudLinux",
            "PSBM",
            "OracleLinux",
            "OVS",
            "OEL",
            "Amazon",
            "Amzn",
            "Virtuozzo",
            "XenServer",
            "Alibaba",
            "EulerOS",
            "openEuler",
            "AlmaLinux",
            "Rocky",
            "TencentOS",
            "EuroLinux",
            "Kylin Linux Advanced Server",
            "MIRACLE",
        ],
    ),
    (
        "Debian",
        &[
            "Ubuntu",
            "Raspbian",
            "Neon",
            "KDE neon",
            "Linux Mint",
            "SteamOS",
            "Devuan",
            "Kali",
            "Cumulus Linux",
            "Pop!_OS",
            "Parrot",
            "Pardus GNU/Linux",
            "Uos",
            "Deepin",
            "OSMC",
            "Linux Mint Debian Edition",
        ],
    ),
    (
        "Suse",
        &[
            "SuSE",
            "SLES",
            "SLED",
            "openSUSE",
            "openSUSE Tumbleweed",
            "SLES_SAP",
            "SUSE_LINUX",
            "openSUSE Leap",
            "ALP-Dolomite",
            "SL-Micro",
            "openSUSE MicroOS",
        ],
    ),
    ("Archlinux", &["Antergos", "Manjaro"]),
    ("Gentoo", &["Funtoo"]),
];

pub(super) fn distribution(_: &Asked<'_>) -> Result<Facts, Error> {
    Ok(of(Path::new("/")))
}

/// The distribution below a root.
pub(super) fn of(root: &Path) -> Facts {
    let release = Release::of(root);
    let version = release.version(root);
    let codename = ["VERSION_CODENAME", "UBUNTU_CODENAME"].iter().find_map(|key| release.get(key));
    let or_na = |text: &str| if text.is_empty() { "NA".to_owned() } else { text.to_owned() };
    let mut all = facts([
        ("distribution", release.id().into()),
        ("distribution_version", or_na(&version).into()),
        ("distribution_release", codename.map_or_else(|| "NA".to_owned(), str::to_owned).into()),
        ("distribution_major_version", or_na(version.split('.').next().unwrap_or_default()).into()),
    ]);
    for (path, name) in FILES {
        let Some(text) = content(at(root, path)) else { continue };
        let Some(more) = fits(name, path, &text, &release, root) else { continue };
        all.extend(facts([
            ("distribution", (*name).into()),
            ("distribution_file_path", (*path).into()),
            ("distribution_file_variety", (*name).into()),
            ("distribution_file_parsed", true.into()),
        ]));
        all.extend(more);
        break;
    }
    let name = all.get("distribution").and_then(Value::as_str).unwrap_or_default();
    let family =
        FAMILIES.iter().find(|(_, members)| members.contains(&name)).map_or(name, |(family, _)| family);
    all.insert("os_family".into(), family.into());
    all
}

fn at(root: &Path, path: &str) -> std::path::PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// What a file adds, if it is that distribution's.
fn fits(name: &str, path: &str, text: &str, release: &Release, root: &Path) -> Option<Facts> {
    let named = |name: &str| facts([("distribution", name.into())]);
    let search = match name {
        "OracleLinux" => Some("Oracle Linux"),
        "RedHat" => Some("Red Hat"),
        "Altlinux" => Some("ALT"),
        _ => None,
    };
    if let Some(search) = search {
        if text.contains(search) {
            let found = [("distribution_file_search_string", search.into())];
            return Some(named(name).into_iter().chain(facts(found)).collect());
        }
        return Some(named(text.split_whitespace().next()?));
    }
    match name {
        "Archlinux" if path == "/etc/arch-release" => Some(Facts::new()),
        "Archlinux" => text.contains("Arch Linux").then(Facts::new),
        "Slackware" | "OpenWrt" => text.contains(name).then(Facts::new),
        "Gentoo" => text.contains("Gentoo").then(Facts::new),
        "Alpine" => Some(facts([("distribution_version", text.into())])),
        "Amazon" => text.contains("Amazon").then(|| amazon(release)),
        "CentOS" if text.contains("CentOS Stream") => {
            Some(facts([("distribution_release", "Stream".into())]))
        }
        "CentOS" if text.contains("TencentOS Server") => Some(named("TencentOS")),
        "SUSE" => text.to_lowercase().contains("suse").then(|| suse(text, release)),
        "Debian" => debian(text, release, root),
        "Flatcar" => (release.id() == "Flatcar").then(Facts::new),
        "NA" => Some(release.get("NAME").map(named).unwrap_or_default()),
        _ => None,
    }
}

fn amazon(release: &Release) -> Facts {
    let version = release.get("VERSION_ID").unwrap_or_default();
    let (major, minor) = version.split_once('.').unwrap_or((version, "NA"));
    facts([
        ("distribution_version", version.into()),
        ("distribution_major_version", major.into()),
        ("distribution_minor_version", minor.into()),
    ])
}

fn suse(text: &str, release: &Release) -> Facts {
    let name = match release.get("VARIANT_ID") {
        Some("server-sap" | "sles-sap") => "SLES_SAP",
        Some("transactional") => "SL-Micro",
        _ => release.get("NAME").unwrap_or_default(),
    };
    let version = release.get("VERSION_ID").unwrap_or_default();
    let (major, minor) = version.split_once('.').unwrap_or((version, ""));
    let minor = if minor.is_empty() && !text.to_lowercase().contains("open") { "0" } else { minor };
    facts([
        ("distribution", name.into()),
        ("distribution_version", version.into()),
        ("distribution_major_version", major.into()),
        ("distribution_release", minor.into()),
    ])
}

fn debian(text: &str, release: &Release, root: &Path) -> Option<Facts> {
    let has = |word: &str| text.contains(word);
    let mut all = Facts::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            all.insert(name.to_owned(), value.into());
        }
    };
    let id = release.get("VERSION_ID");
    let major = id.and_then(|id| id.split('.').next());
    if has("Debian") || has("Raspbian") {
        put("distribution", Some("Debian"));
        let pretty = release.get("PRETTY_NAME").unwrap_or_default();
        put("distribution_release", pretty.split_once('(').and_then(|(_, rest)| rest.split(')').next()));
        let version = content(at(root, "/etc/debian_version")).unwrap_or_default();
        put("distribution_minor_version", version.split_once('.').map(|(_, minor)| minor.trim()));
    } else if has("Ubuntu") {
        put("distribution", Some("Ubuntu"));
    } else if has("SteamOS") {
        put("distribution", Some("SteamOS"));
    } else if has("Kali") {
        put("distribution", Some("Kali"));
    } else if has("Parrot") {
        put("distribution", Some("Parrot"));
    } else if has("Devuan") {
        put("distribution", Some("Devuan"));
        put("distribution_version", id);
        put("distribution_major_version", id);
    } else if has("Cumulus") || has("Mint") || has("Deepin") || has("UOS") {
        let name =
            [("Cumulus", "Cumulus Linux"), ("Mint", "Linux Mint"), ("Deepin", "Deepin"), ("UOS", "Uos")];
        put("distribution", name.iter().find(|(word, _)| has(word)).map(|(_, name)| *name));
        put("distribution_version", id);
        put("distribution_major_version", major);
    } else {
        return None;
    }
    Some(all)
}

/// `/etc/os-release`.
struct Release(BTreeMap<String, String>);

impl Release {
    fn of(root: &Path) -> Self {
        let text = content(at(root, "/etc/os-release")).or_else(|| content(at(root, "/usr/lib/os-release")));
        let pairs = text.as_deref().unwrap_or_default().lines().filter_map(|line| line.split_once('='));
        let clean = |value: &str| value.trim().trim_matches(['"', '\'']).replace("\\\"", "\"");
        Self(pairs.map(|(name, value)| (name.trim().to_owned(), clean(value))).collect())
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Its id, as Ansible writes it where no file says more.
    fn id(&self) -> String {
        match self.get("ID").unwrap_or_default() {
            "" => "OtherLinux".to_owned(),
            "amzn" => "Amazon".to_owned(),
            "rhel" => "Redhat".to_owned(),
            id => {
                let mut letters = id.chars();
                let first = letters.next().map(|first| first.to_ascii_uppercase());
                first.into_iter().chain(letters).collect()
            }
        }
    }

    /// The version; of Debian and CentOS the fullest one that a file names.
    fn version(&self, root: &Path) -> String {
        let short = self.get("VERSION_ID").unwrap_or_default().to_owned();
        let fuller = match self.get("ID") {
            Some("debian") => content(at(root, "/etc/debian_version")),
            Some("centos") => content(at(root, "/etc/centos-release")).and_then(|text| {
                let word =
                    text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
                word.map(|word| word.split('.').take(2).collect::<Vec<_>>().join("."))
            }),
            _ => None,
        };
        let dots = |text: &str| text.matches('.').count();
        match fuller.filter(|fuller| fuller.starts_with(|c: char| c.is_ascii_digit())) {
            Some(fuller) if dots(&fuller) > dots(&short) || short.is_empty() => fuller,
            _ => short,
        }
    }
}

/// What the Linux Standard Base calls it.
pub(super) fn lsb(asked: &Asked<'_>) -> Result<Facts, Error> {
    let mut found = Facts::new();
    if tool::find("lsb_release", asked.cx).is_some() {
        let said = Tool::new("lsb_release").arg("-a").run(asked.cx)?;
        for (name, value) in said.out.lines().filter_map(|line| line.split_once(':')) {
            let name = match name {
                "LSB Version" | "Release" => "release",
                "Distributor ID" => "id",
                "Description" => "description",
                "Codename" => "codename",
                _ => continue,
            };
            found.insert(name.into(), value.trim().into());
        }
    }
    if found.is_empty() {
        let text = fs::read_to_string("/etc/lsb-release").unwrap_or_default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let name = name.strip_prefix("DISTRIB_").map(str::to_lowercase);
            let known = ["id", "release", "description", "codename"];
            if let Some(name) = name.filter(|name| known.contains(&name.as_str())) {
                found.insert(name, value.trim().trim_matches(['"', '\'']).into());
            }
        }
    }
    if let Some(release) = found.get("release").and_then(Value::as_str) {
        let major = release.split('.').next().unwrap_or_default().to_owned();
        found.insert("major_release".into(), major.into());
    }
    Ok(facts([("lsb", found.into())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_told_apart() {
        let os = |text: &str| ("os-release", text.to_owned());
        let id = |id: &str, version: &str, name: &str| {
            os(&format!("NAME=\"{name}\"\nID={id}\nVERSION_ID=\"{version}\"\nVERSION_CODENAME=code\n"))
        };
        let file = |name: &'static str, text: &str| (name, text.to_owned());
        for (files, distribution, version, major, family) in [
            (vec![id("ubuntu", "24.04", "Ubuntu")], "Ubuntu", "24.04", "24", "Debian"),
            (
                vec![id("debian", "12", "Debian GNU/Linux"), file("debian_version", "12.9\n")],
                "Debian",
                "12.9",
                "12",
                "Debian",
            ),
            (
                vec![
                    id("rhel", "9.4", "Red Hat Enterprise Linux"),
                    file("redhat-release", "Red Hat Enterprise"),
                ],
                "RedHat",
                "9.4",
                "9",
                "RedHat",
            ),
            (
                vec![id("rocky", "9.4", "Rocky Linux"), file("redhat-release", "Rocky Linux release 9.4")],
                "Rocky",
                "9.4",
                "9",
                "RedHat",
            ),
            (
                vec![id("fedora", "41", "Fedora Linux"), file("redhat-release", "Fedora release 41")],
                "Fedora",
                "41",
                "41",
                "RedHat",
            ),
            (vec![id("amzn", "2023", "Amazon Linux")], "Amazon", "2023", "2023", "RedHat"),
            (
                vec![id("alpine", "3.20.1", "Alpine Linux"), file("alpine-release", "3.20.1")],
                "Alpine",
                "3.20.1",
                "3",
                "Alpine",
            ),
            // A file without the family's word is nobody's; its own name stands.
            (vec![id("sles", "15.6", "SLES")], "SLES", "15.6", "15", "Suse"),
            (
                vec![os("NAME=\"SLES\"\nID=sles\nVERSION_ID=\"15.6\"\nID_LIKE=\"suse\"\n")],
                "SLES",
                "15.6",
                "15",
                "Suse",
            ),
            (vec![os("NAME=\"Arch Linux\"\nID=arch\n")], "Archlinux", "NA", "NA", "Archlinux"),
            (vec![id("void", "1", "Void")], "Void", "1", "1", "Void"),
            (vec![], "OtherLinux", "NA", "NA", "OtherLinux"),
        ] {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir(root.path().join("etc")).unwrap();
            for (name, text) in &files {
                fs::write(root.path().join("etc").join(name), text).unwrap();
            }
            let all = of(root.path());
            let expected = [distribution, version, major, family];
            let names = ["distribution", "distribution_version", "distribution_major_version", "os_family"];
            assert_eq!(names.map(|name| all[name].as_str().unwrap()), expected, "{files:?}");
        }
    }
}
