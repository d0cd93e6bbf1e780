//! A saved plan for people: the plan, what it was made from, and whether it can still be applied.

use windlass_engine::Unchecked;
use windlass_engine::saved::{Change, Observed, Predicted, SavedPlan};
use windlass_model::RunId;

use super::{Palette, Tone, date, fit, tame};

/// What is known of a saved plan beside what is in it; where something cannot be known, why.
pub(crate) struct Standing {
    /// The run that applied it.
    pub(crate) applied: Result<Option<RunId>, String>,
    /// What has changed since it was made.
    pub(crate) changes: Result<Vec<Change>, String>,
}

/// The saved plan, each line in at most `width` columns.
pub(crate) fn saved(saved: &SavedPlan, standing: &Standing, palette: Palette, width: usize) -> String {
    let origin = &saved.provenance;
    let document = origin.document.as_deref().unwrap_or("a text");
    let made = format!("made {} from {document} by Windlass {}", date(saved.created_at), origin.windlass);
    let mut lines = vec![format!("plan {}", saved.plan_id), tame(&made)];
    let asked = serde_json::to_value(&origin.request).unwrap_or_default();
    for (name, value) in asked.as_object().into_iter().flatten() {
        lines.push(tame(&format!("with {name} {value}")));
    }
    lines.push(outlook(&origin.observed, palette));
    lines.extend(standing_lines(standing, palette));
    lines.extend(unchecked_lines(&origin.unchecked, palette));
    let head: String = lines.iter().map(|line| format!("{}\n", fit(line, width))).collect();
    format!("{}\n{head}", super::plan(&saved.plan, palette, width))
}

/// What a plan's expressions ask that whoever applies it cannot compare; nothing where there is none of that.
pub(crate) fn unchecked(unchecked: &[Unchecked], palette: Palette, width: usize) -> String {
    unchecked_lines(unchecked, palette).iter().map(|line| format!("{}\n", fit(line, width))).collect()
}

fn unchecked_lines(unchecked: &[Unchecked], palette: Palette) -> Vec<String> {
    let head = palette.paint(Tone::Skip, "only the run knows, and `windlass apply` does not compare:");
    let told = unchecked.iter().map(|one| format!("  {}", tame(&format!("{}: {}", one.at, one.what))));
    (!unchecked.is_empty()).then_some(head).into_iter().chain(told).collect()
}

/// What the steps of a plan would do, counted.
pub(crate) fn outlook(observed: &Observed, palette: Palette) -> String {
    let words = [
        (Predicted::Changed, "to change something", Tone::Strong),
        (Predicted::Unknown, "unknown before a run", Tone::Skip),
        (Predicted::Ok, "with nothing to change", Tone::Faint),
        (Predicted::Skipped, "to be skipped", Tone::Faint),
    ];
    let counts = words.iter().map(|&(predicted, word, tone)| (observed.count(predicted), word, tone));
    let told: Vec<String> = counts
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, word, tone)| palette.paint(tone, &format!("{count} {word}")))
        .collect();
    match told.as_slice() {
        [] => "no steps".into(),
        told => format!("steps: {}", told.join(", ")),
    }
}

fn standing_lines(standing: &Standing, palette: Palette) -> Vec<String> {
    let mut lines = Vec::new();
    match &standing.applied {
        Ok(Some(run)) => lines.push(palette.paint(Tone::Skip, &format!("applied by run {run}"))),
        Ok(None) => lines.push("not applied".into()),
        Err(why) => {
            lines.push(
                palette.paint(Tone::Skip, &tame(&format!("whether it was applied is not known: {why}"))),
            );
        }
    }
    match &standing.changes {
        Ok(changes) if changes.is_empty() => {
            lines.push("the document, the environment and the files are as they were".into());
        }
        Ok(changes) => {
            lines.push(palette.paint(Tone::Bad, "stale:"));
            lines.extend(changes.iter().map(|change| format!("  {}", tame(&change.to_string()))));
        }
        Err(why) => {
            lines.push(palette.paint(Tone::Skip, &tame(&format!("whether it is stale is not known: {why}"))));
        }
    }
    lines
}
