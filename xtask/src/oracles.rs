//! What others wrote and tests compare with: the official clients of language models, an independent mock of such models,
//! and Ansible.

use std::path::PathBuf;
use std::process::Command;

use crate::Chore;
use crate::cargo::{go, target};
use crate::needs::{self, Need};

/// What installs and runs them.
const NEEDS: &[Need] = &[("python3", "python3-venv"), ("node", "nodejs"), ("npm", "npm")];

/// The variable that tells tests where they are.
pub(crate) const ASKED: &str = "WINDLASS_LLM_ORACLES";

/// The variable that tells tests which `ansible` to ask.
pub(crate) const ANSIBLE: &str = "WINDLASS_ANSIBLE";

/// The versions that the tests were written against.
const PACKAGES: [&str; 3] = ["anthropic==2.12.0", "openai==3.54.0", "ansible-core==2.19.14"];
const MOCK: &str = "@copilotkit/aimock@1.43.0";

/// Installs them where they are missing, under the folder in which cargo builds, and says where that is.
pub(crate) fn prepare() -> Result<PathBuf, String> {
    let folder = target().join("llm-oracles");
    let done = folder.join("done");
    let wanted = format!("{} {MOCK}\n", PACKAGES.join(" "));
    if std::fs::read_to_string(&done).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    println!("xtask: what others wrote and tests compare with; the first time takes a minute");
    needs::programs(NEEDS)?;
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    install(&folder)?;
    std::fs::write(&done, wanted).map_err(failed)?;
    Ok(folder)
}

fn install(folder: &std::path::Path) -> Chore {
    go(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
    // Where there is no network, that is known soon.
    let pip = ["install", "--quiet", "--disable-pip-version-check", "--retries", "1"];
    go(Command::new(folder.join("venv/bin/pip")).args(pip).args(PACKAGES))?;
    let npm = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--prefix"];
    go(Command::new("npm").args(npm).arg(folder).arg(MOCK))
}
