//! The budgets there are, by name and by the time for which they hold.

use std::fmt;
use std::str::FromStr;

use super::calendar;

/// What a budget is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pot {
    /// All runs of a project, for good.
    Project,
    /// All that one named key of a provider pays, for good.
    Key(String),
    /// All runs of a user on one day.
    Day,
    /// All runs of a user in one month.
    Month,
}

impl Pot {
    /// The time for which it holds, as text that sorts; empty where it never begins anew.
    pub(super) fn period(&self, now_ms: u64) -> String {
        let (year, month, day) = calendar::date(now_ms);
        match self {
            Pot::Project | Pot::Key(_) => String::new(),
            Pot::Day => format!("{year:04}-{month:02}-{day:02}"),
            Pot::Month => format!("{year:04}-{month:02}"),
        }
    }

    /// When it begins anew, if it does.
    pub(super) fn renews_at(&self, now_ms: u64) -> Option<u64> {
        match self {
            Pot::Project | Pot::Key(_) => None,
            Pot::Day => Some(calendar::next_day(now_ms)),
            Pot::Month => Some(calendar::next_month(now_ms)),
        }
    }

    /// What people call it.
    pub fn title(&self) -> String {
        match self {
            Pot::Project => "the project's budget".into(),
            Pot::Key(name) => format!("the budget of key {name}"),
            Pot::Day => "the day's budget".into(),
            Pot::Month => "the month's budget".into(),
        }
    }
}

impl fmt::Display for Pot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pot::Project => f.pad("project"),
            Pot::Key(name) => f.pad(&format!("key:{name}")),
            Pot::Day => f.pad("day"),
            Pot::Month => f.pad("month"),
        }
    }
}

impl FromStr for Pot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "project" => Ok(Pot::Project),
            "day" => Ok(Pot::Day),
            "month" => Ok(Pot::Month),
            _ => match text.strip_prefix("key:") {
                Some(name) if !name.is_empty() && !name.contains(char::is_control) => {
                    Ok(Pot::Key(name.to_owned()))
                }
                _ => Err("a budget is `project`, `day`, `month` or `key:NAME`".into()),
            },
        }
    }
}
