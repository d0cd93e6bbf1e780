//! `pause`: lets time pass.

use std::time::{Duration, Instant, SystemTime};

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, ParamError, Reply, Rule, Spec, clock};

pub(super) struct Pause;

static SPEC: Spec = Spec {
    name: "pause",
    summary: "Lets time pass.",
    params: &[
        Param::new("minutes", Kind::Float, "How many minutes, without fractions."),
        Param::new("seconds", Kind::Float, "How many seconds, without fractions; at least one."),
        Param::new("prompt", Kind::Str, "What the pause is for."),
        Param::new("echo", Kind::Bool, "Taken for Ansible's sake; nobody types anything here.")
            .default("true"),
    ],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[Rule::Exclusive(&["minutes", "seconds"])],
};

impl Module for Pause {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        if !args.has("minutes") && !args.has("seconds") {
            let problem = ParamError::whole("pause needs `minutes` or `seconds`: it waits for nobody");
            return Err(vec![problem.hint("a step with `approve` waits for a person's yes or no")].into());
        }
        let (started, clock) = (SystemTime::now(), Instant::now());
        if !cx.checks() {
            cx.sleep(length(args))?;
        }
        let took = clock.elapsed();
        let (number, unit) = match args.has("minutes") {
            true => (took.as_secs_f64() / 60.0, "minutes"),
            false => (took.as_secs_f64(), "seconds"),
        };
        Ok(Reply::ok()
            .with("rc", 0)
            .with("stdout", format!("Paused for {:?} {unit}", (number * 100.0).round() / 100.0))
            .with("stderr", "")
            .with("start", clock::stamp(started))
            .with("stop", clock::stamp(started + took))
            .with("delta", took.as_secs())
            .with("echo", args.bool("echo"))
            .with("user_input", ""))
    }
}

/// Fractions are dropped, and the shortest pause is a second, as in Ansible. The longest is ten years.
fn length(args: &Args) -> Duration {
    const LONGEST: f64 = 10.0 * 366.0 * 86_400.0;
    let seconds = args.float("minutes").trunc() * 60.0 + args.float("seconds").trunc();
    Duration::try_from_secs_f64(seconds.clamp(1.0, LONGEST)).unwrap_or(Duration::from_secs(1))
}
