//! What a run used, as a tree: by stage, task, step and model.

use windlass_model::projection::{Costs, StepCosts};
use windlass_model::{Cost, Usage};

use super::{Grid, Palette, Tone, tame};

/// The tree as a table; empty where nothing was used.
pub(crate) fn costs(costs: &Costs, palette: Palette, width: usize) -> String {
    if costs.stages.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new(&["USED", ">COST", ">TOKENS", ">IN", ">OUT", ">CACHE", "MODEL"]);
    for stage in &costs.stages {
        let indent = if let Some(name) = &stage.stage {
            row(&mut grid, tame(name), &stage.usage, "");
            "  "
        } else {
            ""
        };
        for task in &stage.tasks {
            row(&mut grid, format!("{indent}{}", task.task), &task.usage, "");
            for (number, usage) in (1..).zip(&task.rounds) {
                row(&mut grid, palette.paint(Tone::Faint, &format!("{indent}  round {number}")), usage, "");
            }
            for StepCosts { step, model, usage } in &task.steps {
                let model = tame(model.as_deref().unwrap_or_default());
                row(&mut grid, format!("{indent}  {step}"), usage, &palette.paint(Tone::Faint, &model));
            }
        }
    }
    for (model, usage) in &costs.models {
        row(&mut grid, palette.paint(Tone::Faint, &format!("all of {}", tame(model))), usage, "");
    }
    row(&mut grid, palette.paint(Tone::Strong, "all"), &costs.usage, "");
    grid.show(palette, width)
}

fn row(grid: &mut Grid, name: String, usage: &Usage, model: &str) {
    let Cost { amount, currency } = &usage.cost;
    // A bound is no bill, and says so.
    let most = if usage.bound { "≤ " } else { "" };
    let others = usage.others.iter().map(|(currency, amount)| format!(", {amount} {currency}"));
    let others: String = others.collect();
    let cost = if currency.is_empty() { String::new() } else { format!("{most}{amount} {currency}{others}") };
    let count = |n: u64| if n == 0 { String::new() } else { n.to_string() };
    let kinds = &usage.kinds;
    let cache = match (kinds.cache_read, kinds.cache_write) {
        (0, 0) => String::new(),
        (read, write) => format!("{read}+{write}"),
    };
    let cells = [count(usage.tokens), count(kinds.input), count(kinds.output), cache, model.to_owned()];
    grid.row([name, cost].into_iter().chain(cells));
}
