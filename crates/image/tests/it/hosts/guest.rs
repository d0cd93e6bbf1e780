//! A gate in a test host, spoken to over its pipes.

use std::{
    io::{Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use serde_json::{Value, json};
use windlass_testkit::{Rig, rig::Host};

/// A host with a gate that runs as root.
pub(super) struct Guest {
    gate: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// How many checks there were. Each is a run of its own: what one foresees is nothing to the next, since
    /// what was foreseen is done in between.
    checks: u64,
    // Last: the host goes after the gate.
    rig: Rig,
}

/// What came of a module.
#[derive(Debug, Clone)]
pub(super) struct Came(Value);

impl Guest {
    /// A host of its own, where test hosts were asked for.
    pub(super) fn new() -> Option<Self> {
        let rig = Rig::for_test(1)?;
        let image = windlass_image::gate(std::env::consts::ARCH).unwrap();
        let put = "cat >/run/windlass-gate && chmod 700 /run/windlass-gate";
        let mut upload = rig.host(1).command(put).unwrap().stdin(Stdio::piped()).spawn().unwrap();
        upload.stdin.take().unwrap().write_all(image.bytes()).unwrap();
        assert!(upload.wait().unwrap().success());
        let mut serve = rig.host(1).command("cd /run && exec ./windlass-gate serve h /").unwrap();
        let mut gate = serve.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (gate.stdin.take().unwrap(), gate.stdout.take().unwrap());
        let mut guest = Self { gate, input, output, checks: 0, rig };
        assert_eq!(guest.answer()["type"], "hello");
        Some(guest)
    }

    pub(super) fn host(&self) -> &Host {
        self.rig.host(1)
    }

    /// Runs a script in the host, past the gate, and gives what it printed.
    #[track_caller]
    pub(super) fn sh(&self, script: &str) -> String {
        self.host().exec(script).success().stdout().trim().to_owned()
    }

    pub(super) fn run(&mut self, module: &str, args: Value) -> Came {
        self.call(module, args, false)
    }

    pub(super) fn check(&mut self, module: &str, args: Value) -> Came {
        self.call(module, args, true)
    }

    fn call(&mut self, module: &str, args: Value, check: bool) -> Came {
        self.checks += u64::from(check);
        let foresight = json!({"run": self.checks});
        let order = json!({
            "type": "module", "id": 1, "name": module, "args": args, "check": check, "diff": true,
            "foresight": foresight,
        });
        let order = order.to_string();
        write!(self.input, "{:08x}{order}", order.len()).unwrap();
        self.input.flush().unwrap();
        loop {
            let answer = self.answer();
            match answer["type"].as_str() {
                Some("result") => return Came(answer),
                Some("event" | "foreseen" | "started") => {}
                _ => panic!("unexpected: {answer}"),
            }
        }
    }

    fn answer(&mut self) -> Value {
        let mut length = [0; 8];
        self.output.read_exact(&mut length).unwrap();
        let length = usize::from_str_radix(str::from_utf8(&length).unwrap(), 16).unwrap();
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Shows that check mode says that there is a change and writes nothing, that a run makes it, and that a
    /// second one finds nothing to do. Gives what came of the run.
    #[track_caller]
    pub(super) fn changes(&mut self, module: &str, args: Value) -> Came {
        let before = self.host().disk();
        let foretold = self.check(module, args.clone());
        assert!(foretold.changed(), "foretold for {module} {args}: {foretold:?}");
        let written = self.host().disk().changes_since(&before);
        assert_eq!(written, Vec::<PathBuf>::new(), "check mode wrote for {module} {args}");
        let came = self.run(module, args.clone());
        assert!(came.changed(), "{module} {args}: {came:?}");
        self.stays(module, args);
        came
    }

    /// Shows that there is nothing to do.
    #[track_caller]
    pub(super) fn stays(&mut self, module: &str, args: Value) -> Came {
        let foretold = self.check(module, args.clone());
        assert!(!foretold.changed(), "foretold for {module} {args}: {foretold:?}");
        let came = self.run(module, args.clone());
        assert!(!came.changed(), "{module} {args}: {came:?}");
        came
    }

    /// Shows that a run fails, and gives its words.
    #[track_caller]
    pub(super) fn fails(&mut self, module: &str, args: Value) -> String {
        let came = self.run(module, args.clone());
        came.failure().unwrap_or_else(|| panic!("{module} {args} did not fail: {came:?}"))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.gate.kill().ok();
        self.gate.wait().ok();
    }
}

impl Came {
    /// Why it failed, if it did.
    pub(super) fn failure(&self) -> Option<String> {
        let reply = &self.0["reply"];
        match &self.0["error"] {
            Value::Null if reply["failed"] == true => {
                Some(reply["msg"].as_str().unwrap_or_default().to_owned())
            }
            Value::Null => None,
            error => Some(error["message"].as_str().map_or_else(|| error.to_string(), str::to_owned)),
        }
    }

    /// Whether it changed something. Fails if it failed.
    #[track_caller]
    pub(super) fn changed(&self) -> bool {
        assert_eq!(self.failure(), None, "{self:?}");
        self.0["reply"]["changed"] == true
    }

    /// A field of the reply.
    pub(super) fn field(&self, name: &str) -> &Value {
        &self.0["reply"]["fields"][name]
    }

    pub(super) fn facts(&self) -> &Value {
        &self.0["reply"]["facts"]
    }

    /// The difference: what was, and what is.
    pub(super) fn diff(&self) -> (&Value, &Value) {
        let diff = &self.0["reply"]["diff"];
        (&diff["before"], &diff["after"])
    }
}
