//! What a project says that may be spent: `budgets` of `windlass.yaml`.

use std::sync::Arc;

use windlass_model::{Budget, Diagnostics, Source};
use windlass_yaml::{Limits, Reader};

use crate::document::limit;

/// What a project says that may be spent. What is not said has no limit there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budgets {
    /// By each run.
    pub run: Option<Budget>,
    /// By all runs of the project, for good.
    pub project: Option<Budget>,
    /// On one day.
    pub day: Option<Budget>,
    /// In one month.
    pub month: Option<Budget>,
    /// By what a named key pays.
    pub keys: Vec<(String, Budget)>,
}

impl Budgets {
    /// Reads the configuration of a project; all problems are told.
    pub fn read(source: &Arc<Source>) -> Result<Self, Diagnostics> {
        let node = windlass_yaml::parse(source, &Limits::default())?;
        let reader = Reader::new(source);
        let mut budgets = Self::default();
        let said = node.get("budgets").filter(|node| !node.is_null());
        if let Some(mut map) = said.and_then(|node| reader.map(node)) {
            for (name, place) in [
                ("run", &mut budgets.run),
                ("project", &mut budgets.project),
                ("day", &mut budgets.day),
                ("month", &mut budgets.month),
            ] {
                *place = map.map(name).map(|map| limit(&reader, map));
            }
            for (name, node) in map.pairs("keys").map_or(&[][..], |pairs| pairs.value) {
                if let (Some(name), Some(map)) = (reader.text(name), reader.map(node)) {
                    budgets.keys.push((name.value, limit(&reader, map)));
                }
            }
            map.finish();
        }
        reader.into_result(budgets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Budgets, Diagnostics> {
        Budgets::read(&Source::new("windlass.yaml", text))
    }

    #[test]
    fn a_project_may_say_all_of_its_limits_or_none() {
        for none in ["name: x\n", "budgets:\n"] {
            assert_eq!(read(none).expect("it is right"), Budgets::default());
        }
        let all = read(
            "budgets:
  run: { tokens: 5 }
  project: { amount: 1.5, currency: EUR }
  day: { amount: 2, currency: USD, tokens: 7 }
  month: { tokens: 9 }
  keys: { work: { tokens: 11 } }
",
        )
        .expect("it is right");
        let tokens = |budget: &Option<Budget>| budget.as_ref().and_then(|budget| budget.tokens);
        assert_eq!(
            [&all.run, &all.project, &all.day, &all.month].map(tokens),
            [Some(5), None, Some(7), Some(9)]
        );
        assert_eq!(all.project.and_then(|budget| budget.cost).expect("money").currency, "EUR");
        assert_eq!((all.keys[0].0.as_str(), all.keys[0].1.tokens), ("work", Some(11)));
    }

    #[test]
    fn what_makes_no_sense_is_told_all_at_once() {
        let problems = read(
            "budgets:
  week: { tokens: 5 }
  run: {}
  day: { amount: -1, currency: usd }
  month: 5
  keys: { work: { amount: 1 } }
",
        )
        .expect_err("it is wrong");
        assert_eq!(problems.len(), 6, "{problems}");
    }
}
