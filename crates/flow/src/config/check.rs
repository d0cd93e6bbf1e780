//! What claude-workflow checks of a configuration, in its order and with its words.
//!
//! It tells the first thing that is wrong. Here everything of a kind is told, and nothing that stands on it: the
//! first of what is noted is what claude-workflow says.

use std::collections::{BTreeMap, BTreeSet};

use windlass_model::{Code, Span};
use windlass_yaml::Reader;

use super::read::{Config, Step};

/// The roles of a specification, in their order.
const REQUIRED: [&str; 4] = ["spec-analyst", "spec-architect", "spec-developer", "spec-validator"];

/// Roles that a specification may have besides, where the configuration names none.
const OPTIONAL: [&str; 2] = ["spec-tester", "spec-reviewer"];

/// Notes what is wrong with a configuration.
pub(super) fn check(reader: &Reader, config: &Config) {
    let check = Check { reader, config };
    let _ =
        check.head().and_then(|()| check.steps()).and_then(|()| check.needs()).and_then(|()| check.kind());
}

struct Check<'a> {
    reader: &'a Reader,
    config: &'a Config,
}

/// Whether to go on: not after something that the rest stands on.
type Go = Option<()>;

impl Check<'_> {
    fn note(&self, code: Code, at: Span, text: impl Into<String>) {
        self.reader.note(self.reader.problem(code, at, text));
    }

    /// Goes on if nothing was noted.
    fn go(&self) -> Go {
        self.reader.is_clean().then_some(())
    }

    fn head(&self) -> Go {
        if self.config.name.as_ref().is_none_or(|name| name.is_empty()) {
            let at = self.config.name.as_ref().map_or(self.config.at, |name| name.span);
            self.note(Code::ConfigName, at, "workflow.name is required");
        } else if self.config.steps.is_empty() {
            self.note(Code::ConfigNoSteps, self.config.at, "workflow.steps must not be empty");
        }
        self.go()
    }

    fn steps(&self) -> Go {
        let mut seen = BTreeSet::new();
        for (n, step) in self.config.steps.iter().enumerate() {
            let id = &step.id.value;
            if id.is_empty() {
                self.note(Code::ConfigStepId, step.id.span, format!("step[{n}]: step.id is required"));
            } else if !seen.insert(id) {
                let text = format!("step.id={id}: duplicate step.id");
                self.note(Code::ConfigStepTwice, step.id.span, text);
            } else if step.role.is_empty() {
                let text = format!("step[{n}] id={id}: step.role is required");
                self.note(Code::ConfigStepRole, step.role.span, text);
            }
        }
        self.go()
    }

    fn needs(&self) -> Go {
        let ids: BTreeSet<&String> = self.config.steps.iter().map(|step| &step.id.value).collect();
        for step in &self.config.steps {
            for dep in step.depends_on.iter().filter(|dep| !ids.contains(&dep.value)) {
                let (id, dep_id) = (&step.id.value, &dep.value);
                let text = format!("step.id={id} depends_on={dep_id}: depends_on references unknown step id");
                self.note(Code::ConfigDependency, dep.span, text);
            }
        }
        self.go()?;
        if let Some(step) = self.circle() {
            let text =
                format!("starting from step.id={}: cycle detected in step dependencies", step.id.value);
            self.note(Code::ConfigCircle, step.id.span, text);
        }
        self.go()
    }

    /// The first step from which a circle is reached, going from each step to those that need it.
    fn circle(&self) -> Option<&Step> {
        let steps = &self.config.steps;
        let places: BTreeMap<&str, usize> =
            steps.iter().enumerate().map(|(n, step)| (step.id.as_str(), n)).collect();
        let mut open = vec![0usize; steps.len()];
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
        for (n, step) in steps.iter().enumerate() {
            for dep in step.depends_on.iter().filter_map(|dep| places.get(dep.as_str())) {
                open[*dep] += 1;
                before[n].push(*dep);
            }
        }
        // Works off what nobody needs, and then what only that needed: what is left leads into a circle.
        let mut ready: Vec<usize> = (0..open.len()).filter(|n| open[*n] == 0).collect();
        while let Some(n) = ready.pop() {
            for &dep in &before[n] {
                open[dep] -= 1;
                if open[dep] == 0 {
                    ready.push(dep);
                }
            }
        }
        open.iter().position(|open| *open > 0).map(|n| &steps[n])
    }

    fn kind(&self) -> Go {
        match self.config.kind.as_str() {
            "spec-default" => self.spec(),
            "custom" => Some(()),
            // Any other word counts as none.
            _ => self.present(),
        }
    }

    fn of_role(&self, role: &str) -> impl Iterator<Item = &Step> {
        self.config.steps.iter().filter(move |step| step.role.value == role)
    }

    fn missing(&self, role: &str) {
        self.note(Code::ConfigRoleMissing, self.config.at, format!("role={role}: required role is missing"));
    }

    fn present(&self) -> Go {
        let missing = REQUIRED.iter().filter(|role| self.of_role(role).next().is_none());
        missing.for_each(|role| self.missing(role));
        self.go()
    }

    fn spec(&self) -> Go {
        let allowed = self.optional()?;
        self.known(&allowed)?;
        self.once()?;
        self.order()?;
        self.chain()?;
        self.placement(&allowed)
    }

    /// The roles that may be there besides the required ones.
    fn optional(&self) -> Option<Vec<&str>> {
        let named: Vec<&str> = self.config.optional_roles.iter().map(|role| role.as_str()).collect();
        let all = if named.is_empty() { OPTIONAL.to_vec() } else { named };
        let enabled = &self.config.optional_enabled;
        for role in enabled.iter().filter(|role| !all.contains(&role.as_str())) {
            let text = format!("role={}: optional_enabled contains role not in optional_roles", role.value);
            self.note(Code::ConfigRoleDisabled, role.span, text);
        }
        self.go()?;
        Some(if enabled.is_empty() { all } else { enabled.iter().map(|role| role.as_str()).collect() })
    }

    fn known(&self, allowed: &[&str]) -> Go {
        let known = |role: &str| REQUIRED.contains(&role) || allowed.contains(&role);
        for step in self.config.steps.iter().filter(|step| !known(&step.role)) {
            let (id, role) = (&step.id.value, &step.role.value);
            let text = format!("step.id={id} role={role}: unknown role for spec-default workflow");
            self.note(Code::ConfigRoleUnknown, step.role.span, text);
        }
        self.go()
    }

    fn once(&self) -> Go {
        for role in REQUIRED {
            match self.of_role(role).nth(1) {
                Some(second) => {
                    let text = format!("role={role}: required role appears more than once");
                    self.note(Code::ConfigRoleTwice, second.role.span, text);
                }
                None if self.of_role(role).next().is_none() => self.missing(role),
                None => {}
            }
        }
        self.go()
    }

    fn order(&self) -> Go {
        let required = self.config.steps.iter().filter(|step| REQUIRED.contains(&step.role.as_str()));
        for (n, (step, expected)) in required.zip(REQUIRED).enumerate() {
            let (id, role) = (&step.id.value, &step.role.value);
            if role != expected {
                let text = format!(
                    "step.id={id}: expected role={expected} at position {n}, got {role}: \
                     required roles must be in canonical order"
                );
                self.note(Code::ConfigRoleOrder, step.role.span, text);
            }
        }
        self.go()
    }

    fn chain(&self) -> Go {
        for pair in REQUIRED.windows(2) {
            let (Some(before), Some(step)) = (self.of_role(pair[0]).next(), self.of_role(pair[1]).next())
            else {
                continue;
            };
            if !needs(step, before) {
                let (id, role, dep, other) = (&step.id.value, pair[1], &before.id.value, pair[0]);
                let text = format!(
                    "step.id={id} (role={role}) must depend on step.id={dep} (role={other}): \
                     required step must depend on previous required step"
                );
                self.note(Code::ConfigChain, step.at, text);
            }
        }
        self.go()
    }

    fn placement(&self, allowed: &[&str]) -> Go {
        let validator = self.of_role(REQUIRED[3]).next()?;
        let optional = self.config.steps.iter().filter(|step| allowed.contains(&step.role.as_str()));
        for step in optional.filter(|step| !needs(step, validator)) {
            let (id, role, dep) = (&step.id.value, &step.role.value, &validator.id.value);
            let text = format!(
                "step.id={id} (role={role}) must depend on {dep}: optional role must depend on spec-validator"
            );
            self.note(Code::ConfigPlacement, step.at, text);
        }
        self.go()
    }
}

fn needs(step: &Step, other: &Step) -> bool {
    step.depends_on.iter().any(|dep| dep.value == other.id.value)
}
