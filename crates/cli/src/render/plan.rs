//! A plan for people: its tasks in order, what each waits for, and what each step will do.

use serde_json::Value;
use windlass_model::{Intent, Plan, Step, Task};

use super::{Palette, Tone, columns, fit, pad, tame};

/// The plan, each line in at most `width` columns.
pub(crate) fn plan(plan: &Plan, palette: Palette, width: usize) -> String {
    let steps: usize = plan.tasks.iter().map(|task| task.steps.len() * plan.hosts_of(task).len()).sum();
    let mut lines = vec![format!(
        "{}  {}  {}, {}",
        palette.paint(Tone::Strong, &plan.name),
        plan.backend,
        many(plan.tasks.len(), "task"),
        many(steps, "step"),
    )];
    if !plan.description.is_empty() {
        lines.extend(plan.description.trim_end().lines().map(|line| palette.paint(Tone::Faint, &tame(line))));
    }
    for stage in &plan.stages {
        let Some(repeat) = &stage.repeat else { continue };
        let until = tame(&repeat.until.join(" and "));
        let rounds = many(repeat.max_rounds as usize, "round");
        let line = format!("stage {} is repeated until {until}, {rounds} at most", stage.name);
        lines.push(palette.paint(Tone::Skip, &line));
    }
    for task in plan.order().unwrap_or_default() {
        lines.push(String::new());
        task_lines(plan, &plan.tasks[task as usize], palette, &mut lines);
    }
    lines.push(String::new());
    lines.push(palette.paint(Tone::Faint, &format!("digest {}", plan.digest().as_str())));
    lines.iter().map(|line| format!("{}\n", fit(line, width))).collect()
}

fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn task_lines(plan: &Plan, task: &Task, palette: Palette, lines: &mut Vec<String>) {
    let stage =
        task.stage.map(|stage| format!("{} › ", plan.stages[stage as usize].name)).unwrap_or_default();
    let mut line =
        format!("{}{}", palette.paint(Tone::Faint, &stage), palette.paint(Tone::Strong, task.id.as_str()));
    let needs: Vec<&str> = task.needs.iter().map(|&need| plan.tasks[need as usize].id.as_str()).collect();
    if !needs.is_empty() {
        line.push_str(&palette.paint(Tone::Faint, &format!("  after {}", needs.join(", "))));
    }
    let hosts = plan.hosts_of(task);
    if hosts.len() > 1 {
        line.push_str(&palette.paint(Tone::Faint, &format!("  on {} hosts", hosts.len())));
    }
    line.push_str(&conditions(&task.more().when, palette));
    lines.push(line);
    let wide = task.steps.iter().map(|step| columns(&tame(step.title()))).max().unwrap_or(0).min(40);
    for (n, step) in task.steps.iter().enumerate() {
        lines.push(step_line(step, n >= task.cleanup as usize, wide, palette));
    }
}

fn conditions(when: &[String], palette: Palette) -> String {
    if when.is_empty() {
        return String::new();
    }
    palette.paint(Tone::Skip, &format!("  when {}", tame(&when.join(" and "))))
}

fn step_line(step: &Step, cleanup: bool, wide: usize, palette: Palette) -> String {
    let (sign, tone) = match step.intent {
        Intent::Run if cleanup => ("↺", Tone::Faint),
        Intent::Run => ("+", Tone::Good),
        Intent::Noop => ("=", Tone::Faint),
        Intent::Declined => ("-", Tone::Skip),
        Intent::Error => ("✗", Tone::Bad),
    };
    let title = pad(&fit(&tame(step.title()), wide), wide);
    let mut line =
        format!("  {} {title}  {}", palette.paint(tone, sign), palette.paint(Tone::Busy, &step.action));
    let more = step.more();
    let input = if more.no_log { "(not shown)".to_owned() } else { input(&step.input) };
    if !input.is_empty() {
        line.push_str(&format!("  {input}"));
    }
    if more.repeat.is_some() {
        line.push_str(&palette.paint(Tone::Skip, "  for each item"));
    }
    line.push_str(&conditions(&more.when, palette));
    line
}

/// The parameters on one line: a command as it is, others as `name=value`.
fn input(input: &Value) -> String {
    let plain =
        |value: &Value| tame(value.as_str().map_or_else(|| value.to_string(), str::to_owned).trim_end());
    match input {
        Value::Null => String::new(),
        Value::Object(map) => {
            let commands = ["cmd", "_raw_params", "prompt"];
            if let Some(command) = commands.iter().find_map(|key| map.get(*key)) {
                return first_line(command.as_str().unwrap_or(&plain(command)));
            }
            // Hashes and modes that the compiler noted are the engine's affair.
            let typed = map.iter().filter(|(key, _)| !key.ends_with("_blob") && *key != "src_mode");
            typed.map(|(key, value)| format!("{key}={}", plain(value))).collect::<Vec<_>>().join(" ")
        }
        other => plain(other),
    }
}

fn first_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = tame(lines.next().unwrap_or(""));
    if lines.next().is_some() { format!("{first} …") } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_plan_shows_its_tasks_in_order_and_what_each_step_does() {
        let release = fixture::release();
        let text = plan(&release, Palette::PLAIN, 100);
        assert_eq!(
            text,
            format!(
                "\
release  workflow/dag  4 tasks, 5 steps
Builds and ships.

compile
  + run  shell  cargo build --release

config  after compile
  + render the configuration  template  dest=out/app.conf src=app.conf.j2
  + copy                      copy  dest=out/sha  when rendered.changed

test  after compile
  + run  shell  cargo test

sign-off  after config, test
  + approve  approve  Release?

digest {}
",
                release.digest().as_str()
            )
        );
    }
}
