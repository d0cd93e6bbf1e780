//! Who started a run: a CI system, a person, or a program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who started a run. Detected once, then a part of context, plan and state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Invoker {
    /// A CI system.
    Ci,
    /// A person at a terminal, or a script of theirs.
    #[default]
    Local,
    /// A program, by the library or the HTTP API.
    Api,
}

impl Invoker {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Invoker::Ci => "ci",
            Invoker::Local => "local",
            Invoker::Api => "api",
        }
    }

    /// `ci` where the environment says so, as CI systems do; `local` otherwise.
    pub fn detect(env: &BTreeMap<String, String>) -> Self {
        const SIGNS: [&str; 7] =
            ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "BUILDKITE", "JENKINS_URL", "TEAMCITY_VERSION"];
        let set = |name: &&str| env.get(*name).is_some_and(|v| !matches!(v.as_str(), "" | "0" | "false"));
        if SIGNS.iter().any(set) { Invoker::Ci } else { Invoker::Local }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ci_system_says_so_in_the_environment() {
        let cases = [
            (vec![], Invoker::Local),
            (vec![("CI", "true")], Invoker::Ci),
            (vec![("CI", "false")], Invoker::Local),
            (vec![("CI", ""), ("HOME", "/home/ci")], Invoker::Local),
            (vec![("GITLAB_CI", "1")], Invoker::Ci),
            (vec![("JENKINS_URL", "https://ci.example.org")], Invoker::Ci),
        ];
        for (env, want) in cases {
            let set = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(Invoker::detect(&set), want, "{env:?}");
        }
    }
}
