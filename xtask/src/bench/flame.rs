//! Flame graphs: where the engine's time goes, as pictures. `perf` looks at the program a thousand times a second.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::Chore;
use crate::cargo::{go, root, said, target};
use crate::needs;

/// What is drawn: the graphs in memory and on disk.
const CASES: &[&str] = &[
    "memory fan",
    "memory layered",
    "memory chain",
    "durable fan",
    "durable layered",
    "durable chain",
    "durable effect chain",
    "resume 120000",
];

/// How wide a picture is, how high a frame, and what of a picture is too narrow to be drawn, in pixels.
const WIDTH: f64 = 1600.0;
const HEIGHT: usize = 17;
const NARROW: f64 = 0.4;

/// Frames that lie under everything and say nothing.
const BEGINNINGS: &[&str] =
    &["std::", "core::ops::function", "start_thread", "__libc_start", "_start", "main", "[unknown]"];

/// Draws each case into `flames` where cargo builds. The arguments are those of the bench; `--only` picks cases.
pub(crate) fn draw(bench: &Path, args: &[&str]) -> Chore {
    needs::programs(&[("perf", "linux-perf")])?;
    let (steps, only) = read(args)?;
    let folder = target().join("flames");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for case in CASES.iter().filter(|case| case.contains(only)) {
        let file = folder.join(format!("{}.svg", case.replace(' ', "-")));
        let samples = record(bench, case, steps)?;
        let picture = picture(&format!("{case}, {steps} steps"), &Frame::of(&samples));
        std::fs::write(&file, picture).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}

fn read<'a>(args: &[&'a str]) -> Result<(u64, &'a str), String> {
    let (mut steps, mut only) = (100_000, "");
    for pair in args.chunks(2) {
        match pair {
            ["--steps", number] => {
                steps = number.replace('_', "").parse().map_err(|_| "--steps needs a number")?
            }
            ["--only", word] => only = word,
            _ => return Err(format!("--flame takes --steps N and --only WORD, not {:?}", pair.join(" "))),
        }
    }
    Ok((steps, only))
}

/// Runs a case under `perf` and gives what it saw.
fn record(bench: &Path, case: &str, steps: u64) -> Result<String, String> {
    let data = target().join("flame.data");
    go(Command::new("perf")
        .args([
            "record",
            "--quiet",
            "--freq",
            "997",
            "--event",
            "cpu-clock",
            "--call-graph",
            "dwarf,8192",
            "-o",
        ])
        .arg(&data)
        .arg("--")
        .arg(bench)
        .args(["--case", case, "--steps", &steps.to_string()])
        .current_dir(root())
        .stdout(std::process::Stdio::null()))?;
    let seen =
        said(Command::new("perf").args(["script", "--no-inline", "-F", "comm,ip,sym", "-i"]).arg(&data));
    std::fs::remove_file(&data).ok();
    seen
}

/// A function and what it calls, with how often it was seen.
#[derive(Debug, Default, PartialEq)]
struct Frame {
    seen: u64,
    calls: BTreeMap<String, Frame>,
}

impl Frame {
    /// Puts samples together: each is a line for its thread and one for each function, the innermost first.
    fn of(samples: &str) -> Self {
        let mut root = Frame::default();
        for sample in samples.split("\n\n") {
            let mut lines = sample.trim_matches('\n').lines();
            let Some(thread) = lines.next().map(str::trim).filter(|thread| !thread.is_empty()) else {
                continue;
            };
            let mut stack: Vec<&str> =
                lines.filter_map(|line| Some(line.trim().split_once(' ')?.1)).collect();
            stack.reverse();
            let says = |function: &&&str| BEGINNINGS.iter().any(|beginning| function.starts_with(beginning));
            let nothing = stack.iter().take_while(says).count();
            let mut frame = &mut root;
            frame.seen += 1;
            for function in std::iter::once(&thread).chain(&stack[nothing..]) {
                frame = frame.calls.entry((*function).to_owned()).or_default();
                frame.seen += 1;
            }
        }
        root
    }

    fn depth(&self) -> usize {
        1 + self.calls.values().map(Frame::depth).max().unwrap_or(0)
    }
}

/// The picture: callers below, what they call above them, each as wide as it was seen often.
fn picture(title: &str, root: &Frame) -> String {
    let height = (root.depth() + 2) * HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" \
         font-size=\"11\">\n<text x=\"4\" y=\"13\">{}: {} samples</text>\n",
        escaped(title),
        root.seen
    );
    let all = root.seen;
    frame(&mut svg, "all", root, (0.0, height - HEIGHT), all);
    svg.push_str("</svg>\n");
    svg
}

fn frame(svg: &mut String, name: &str, own: &Frame, (left, top): (f64, usize), all: u64) {
    let width = WIDTH * own.seen as f64 / all.max(1) as f64;
    if width < NARROW {
        return;
    }
    let hue = name.bytes().fold(17u32, |hue, byte| hue.wrapping_mul(31).wrapping_add(byte.into())) % 60;
    let share = 100.0 * own.seen as f64 / all.max(1) as f64;
    let room = (width / 6.8) as usize;
    let label: String = name.chars().take(if room < 4 { 0 } else { room }).collect();
    let (name, label) = (escaped(name), escaped(&label));
    // What cannot fail: a string takes whatever is written to it.
    let _ = writeln!(
        svg,
        "<g><title>{name} {share:.1} %</title><rect x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{}\" \
         fill=\"hsl({hue},75%,68%)\" stroke=\"white\" stroke-width=\"0.4\"/><text x=\"{:.1}\" y=\"{}\">{label}</text></g>",
        HEIGHT - 1,
        left + 2.0,
        top + 12,
    );
    let mut left = left;
    for (name, called) in &own.calls {
        frame(svg, name, called, (left, top.saturating_sub(HEIGHT)), all);
        left += WIDTH * called.seen as f64 / all.max(1) as f64;
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: &str = "\
bench \n\t 1 inner<T>\n\t 2 outer\n\t 3 main\n\t 4 _start\n\nbench \n\t 5 outer\n\t 3 main\n\nother \n\t 6 alone\n\n";

    #[test]
    fn samples_become_calls_with_counts() {
        let root = Frame::of(SAMPLES);
        assert_eq!((root.seen, root.depth()), (3, 4));
        let outer = &root.calls["bench"].calls["outer"];
        assert_eq!((outer.seen, outer.calls["inner<T>"].seen), (2, 1));
        assert_eq!(root.calls["other"].calls["alone"].seen, 1);
    }

    #[test]
    fn a_picture_has_a_box_for_each_frame() {
        let svg = picture("a & b", &Frame::of(SAMPLES));
        assert_eq!(svg.matches("<rect").count(), 6);
        assert!(svg.contains("inner&lt;T&gt; 33.3 %") && svg.contains("a &amp; b: 3 samples"), "{svg}");
    }

    #[test]
    fn options_are_read() {
        assert_eq!(read(&["--steps", "5_000", "--only", "chain"]), Ok((5_000, "chain")));
        assert!(read(&["--only"]).is_err());
    }
}
