//! Which variables are secrets, and what is shown in their place.

use serde_json::Value;

use super::group::Vars;

/// What is shown in place of a secret.
pub const MASK: &str = "********";

/// Variables whose value nobody should see.
const SECRETS: &[&str] = &[
    "ansible_become_pass",
    "ansible_become_password",
    "ansible_doas_pass",
    "ansible_doas_password",
    "ansible_enable_pass",
    "ansible_httpapi_pass",
    "ansible_httpapi_password",
    "ansible_httpapi_session_key",
    "ansible_paramiko_pass",
    "ansible_paramiko_password",
    "ansible_pass",
    "ansible_password",
    "ansible_private_key",
    "ansible_private_key_passphrase",
    "ansible_runas_pass",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_ssh_private_key",
    "ansible_ssh_private_key_passphrase",
    "ansible_su_pass",
    "ansible_su_password",
    "ansible_sudo_pass",
    "ansible_sudo_password",
    "ansible_vault_password",
    "ansible_winrm_pass",
    "ansible_winrm_password",
];

/// Ends of the names of further secrets of Ansible's plugins.
const ENDS: &[&str] = &["_pass", "_password", "_passphrase", "_secret", "_token", "_api_key"];

/// Whether a variable of Ansible's is a secret by its name. Variables of one's own are not known.
pub fn is_secret(name: &str) -> bool {
    let plugin = || name.starts_with("ansible_") && ENDS.iter().any(|end| name.ends_with(end));
    SECRETS.contains(&name) || plugin()
}

/// The names of Ansible's own secrets.
pub(crate) fn secrets() -> impl Iterator<Item = &'static str> {
    SECRETS.iter().copied()
}

/// The variables with a mask in place of every secret.
pub fn masked(vars: &Vars) -> Vars {
    let mask = |name: &str, value: &Value| match is_secret(name) && !value.is_null() {
        true => Value::from(MASK),
        false => value.clone(),
    };
    vars.iter().map(|(name, value)| (name.clone(), mask(name, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name() {
        assert!(SECRETS.is_sorted());
        for name in
            ["ansible_password", "ansible_ssh_pass", "ansible_become_password", "ansible_aws_ssm_token"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["ansible_user", "ansible_ssh_private_key_file", "db_password", "ansible_host"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
