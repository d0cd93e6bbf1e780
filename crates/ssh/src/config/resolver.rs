//! Asks `ssh -G` what the configuration means for a host, as seldom as that is right.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::args::config_file;
use super::scan::{Extras, Scope, scan};
use super::simple::Simple;
use super::{Dump, Settings};
use crate::options::ConfigFile;
use crate::{Endpoint, Error, Options};

/// `Match exec` may run programs; a hanging one must not hold a fleet.
const PATIENCE: Duration = Duration::from_secs(20);

/// Stands for any host where the configuration does not tell one from another. The top-level domain is reserved,
/// so that no configuration means it.
const ANY: &str = "any.windlass.invalid";

/// What the configuration says of a host.
pub(crate) struct Resolved {
    /// The options as `ssh -G` prints them; nothing where there was no need to ask.
    pub(crate) dump: Option<Arc<Dump>>,
    /// The settings, or what only the `ssh` program understands.
    pub(crate) settings: Result<Settings, String>,
}

/// What was asked for once, or is being asked for.
type Answer = Arc<OnceCell<Arc<Dump>>>;

/// Finds out and remembers; one for each process.
pub(crate) struct Resolver {
    options: Arc<Options>,
    /// Answers by the arguments they were asked for. Each is asked for once, whoever comes first.
    dumps: Mutex<HashMap<Vec<String>, Answer>>,
    scans: Mutex<HashMap<Vec<PathBuf>, (Scope, Extras)>>,
}

impl Resolver {
    pub(crate) fn new(options: Arc<Options>) -> Self {
        Self { options, dumps: Mutex::default(), scans: Mutex::default() }
    }

    /// Finds out what holds for this endpoint.
    pub(crate) async fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved, Error> {
        let (scope, extras) = self.scan(config_file(&endpoint.ssh_args));
        if scope == Scope::Plain
            && let Some(own) = Simple::read(&endpoint.ssh_args)
        {
            let settings = Ok(Settings::plain(endpoint, &self.options, extras, own));
            return Ok(Resolved { dump: None, settings });
        }
        let dump = async {
            Ok(match scope {
                Scope::PerHost => self.ask(endpoint, None).await?,
                Scope::Plain | Scope::Shared => match self.ask(endpoint, Some(ANY)).await? {
                    shared if is_any(&shared) => Arc::new(shared.for_endpoint(endpoint)),
                    _ => self.ask(endpoint, None).await?,
                },
            })
        };
        // Side by side: every connection waits for both.
        let (dump, baseline) = tokio::try_join!(dump, self.baseline())?;
        let settings = Settings::read(&dump, &baseline, endpoint, &self.options)?;
        Ok(Resolved { dump: Some(dump), settings })
    }

    /// What `ssh -G` prints where there is no configuration.
    async fn baseline(&self) -> Result<Arc<Dump>, Error> {
        self.cached(["-F", "none", "--", ANY].map(str::to_owned).to_vec()).await
    }

    /// The same, where there is something to compare with it.
    pub(crate) async fn baseline_for(&self, dump: Option<&Dump>) -> Result<Option<Arc<Dump>>, Error> {
        match dump {
            Some(_) => self.baseline().await.map(Some),
            None => Ok(None),
        }
    }

    fn scan(&self, named: Option<&str>) -> (Scope, Extras) {
        let files = match (named, &self.options.config) {
            (Some(file), _) if file.eq_ignore_ascii_case("none") => Vec::new(),
            (Some(file), _) => vec![PathBuf::from(file)],
            (None, ConfigFile::None) => Vec::new(),
            (None, ConfigFile::File(file)) => vec![file.clone()],
            (None, ConfigFile::Default) => {
                vec![self.options.home.join(".ssh/config"), "/etc/ssh/ssh_config".into()]
            }
        };
        let mut scans = self.scans.lock().unwrap_or_else(PoisonError::into_inner);
        *scans.entry(files.clone()).or_insert_with(|| scan(&files))
    }

    async fn ask(&self, endpoint: &Endpoint, stand_in: Option<&str>) -> Result<Arc<Dump>, Error> {
        let mut words = self.options.config.words();
        // In a shared answer these two are the endpoint's own affair.
        if stand_in.is_none() {
            words.extend(endpoint.port.iter().flat_map(|port| ["-p".into(), port.to_string()]));
            words.extend(endpoint.user.iter().flat_map(|user| ["-l".into(), user.clone()]));
        }
        for file in &endpoint.identity_files {
            words.extend(["-i".into(), file.to_string_lossy().into_owned()]);
        }
        words.extend(endpoint.ssh_args.iter().cloned());
        words.extend(["--".into(), stand_in.unwrap_or(&endpoint.host).to_owned()]);
        self.cached(words).await
    }

    async fn cached(&self, words: Vec<String>) -> Result<Arc<Dump>, Error> {
        let cell = {
            let mut dumps = self.dumps.lock().unwrap_or_else(PoisonError::into_inner);
            dumps.entry(words.clone()).or_default().clone()
        };
        cell.get_or_try_init(|| self.run(&words)).await.cloned()
    }

    async fn run(&self, words: &[String]) -> Result<Arc<Dump>, Error> {
        let program = self.options.program.display();
        let mut command = Command::new(&self.options.program);
        command.arg("-G").args(words).stdin(Stdio::null()).kill_on_drop(true).env("LC_ALL", "C");
        let output = tokio::time::timeout(PATIENCE, command.output())
            .await
            .map_err(|_| Error::Config(format!("`{program} -G` did not end within {PATIENCE:?}")))?
            .map_err(|e| Error::Program(format!("cannot start {program} to read the configuration: {e}")))?;
        if !output.status.success() {
            let said = told(&String::from_utf8_lossy(&output.stderr));
            return Err(Error::Config(format!("`{program} -G` failed: {said}")));
        }
        Ok(Arc::new(Dump::parse(&String::from_utf8_lossy(&output.stdout))))
    }
}

/// What the program says, on one line, without what it says every time.
fn told(said: &str) -> String {
    let idle = |line: &&str| {
        !line.is_empty() && !line.starts_with("Pseudo-terminal") && !line.starts_with("Warning:")
    };
    let lines: Vec<&str> = said.lines().map(str::trim).filter(idle).collect();
    let told: String = lines.join("; ").chars().filter(|c| !c.is_control()).take(600).collect();
    if told.is_empty() { "it says nothing".into() } else { told }
}

/// Whether an answer for the stand-in holds for any host: its name is nowhere but where a host's name belongs,
/// and nothing was computed from it.
fn is_any(dump: &Dump) -> bool {
    dump.get("hostname") == Some(ANY) && dump.some("controlpath").is_none() && !dump.mentions(ANY)
}

impl Dump {
    /// The shared answer, made out for one host. The inventory's words go before the configuration's.
    fn for_endpoint(&self, endpoint: &Endpoint) -> Self {
        let mut own = vec![("host", endpoint.host.clone()), ("hostname", endpoint.host.clone())];
        own.extend(endpoint.port.map(|port| ("port", port.to_string())));
        own.extend(endpoint.user.clone().map(|user| ("user", user)));
        self.with(&own)
    }
}
