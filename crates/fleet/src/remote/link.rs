//! The reading side of a connection: from the shell's first line to the gate's last, with an eye on the clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use windlass_gate::wire::{Answer, Decoder, Frame, FrameError, Hello, LIMIT, Order, VERSION, WINDOW};

use super::becoming::{Answered, Dialogue};
use super::gate::{Options, Shared};
use super::preamble::{Preamble, Said};
use super::write::Write;
use super::{Delivery, Error, upload};

/// How much of the error output is kept, to say why a gate ended.
const TAIL: usize = 2 << 10;

/// How long the end of the error output is waited for when the output has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What comes from the host.
type Input = Box<dyn AsyncRead + Send + Unpin>;

/// The reading side.
pub(super) struct Link {
    pub(super) shared: Arc<Shared>,
    pub(super) delivery: Delivery,
    pub(super) options: Options,
    pub(super) dialogue: Option<Dialogue>,
    pub(super) ready: watch::Sender<Option<Result<Hello, Error>>>,
    phase: Phase,
    tail: Vec<u8>,
    heard: Instant,
    /// Until when what is waited for has to come.
    due: Option<(Instant, &'static str)>,
    pings: u64,
    /// The gate has said that it ends.
    bye: bool,
}

/// How far the gate is.
enum Phase {
    /// A shell speaks.
    Shell(Preamble),
    /// The gate speaks, and has to say first who it is.
    Gate(Decoder),
}

impl Link {
    pub(super) fn new(
        shared: Arc<Shared>,
        delivery: Delivery,
        options: Options,
        dialogue: Option<Dialogue>,
        ready: watch::Sender<Option<Result<Hello, Error>>>,
    ) -> Self {
        let due = Some((Instant::now() + options.start, "the host's shell"));
        let (phase, heard) = (Phase::Shell(Preamble::default()), Instant::now());
        Self {
            shared,
            delivery,
            options,
            dialogue,
            ready,
            phase,
            tail: Vec::new(),
            heard,
            due,
            pings: 0,
            bye: false,
        }
    }

    /// Reads until the connection is over, and then tells everybody why.
    pub(super) async fn run(mut self, mut output: Input, mut errors: Input) {
        let error = match self.read(&mut output, &mut errors).await {
            Ok(()) => self.end(&mut errors).await,
            Err(error) => error,
        };
        self.shared.table().end(&error);
        let ended = self.shared.table().ended.clone().unwrap_or(error);
        self.ready.send_if_modified(|ready| {
            let waits = ready.is_none();
            if waits {
                *ready = Some(Err(ended));
            }
            waits
        });
        self.shared.write(Write::End);
    }

    /// Ok: the output has ended.
    async fn read(&mut self, output: &mut Input, errors: &mut Input) -> Result<(), Error> {
        let mut tick = interval(self.options.heartbeat);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut bytes, mut words, mut errors_open) = (vec![0; 64 << 10], vec![0; 4 << 10], true);
        loop {
            let due = self.due.map(|(at, _)| at);
            tokio::select! {
                read = output.read(&mut bytes) => match read {
                    Ok(0) => return Ok(()),
                    Ok(count) => self.take(&bytes[..count])?,
                    Err(error) => return Err(Error::Gone(error.to_string())),
                },
                read = errors.read(&mut words), if errors_open => match read {
                    Ok(count) if count > 0 => self.error_output(&words[..count])?,
                    _ => errors_open = false,
                },
                _ = tick.tick() => self.beat()?,
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    return Err(self.late());
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.heard = Instant::now();
        match &mut self.phase {
            Phase::Gate(decoder) => decoder.push(bytes),
            Phase::Shell(preamble) => {
                preamble.push(bytes);
                self.shell()?;
            }
        }
        while let Phase::Gate(decoder) = &mut self.phase {
            match decoder.pull().map_err(rogue)? {
                Some(frame) => self.frame(frame)?,
                None => break,
            }
        }
        Ok(())
    }

    /// What the shell says.
    fn shell(&mut self) -> Result<(), Error> {
        let Phase::Shell(preamble) = &mut self.phase else { return Ok(()) };
        while let Some(said) = preamble.pull()? {
            match said {
                Said::Have => {
                    self.due = Some((Instant::now() + self.options.start, "the gate"));
                    let mut decoder = Decoder::new(LIMIT);
                    decoder.push(&std::mem::take(preamble).rest());
                    self.phase = Phase::Gate(decoder);
                    self.shared.write(Write::Have);
                    return Ok(());
                }
                Said::Need { system, size, packed } => {
                    let gate = self.delivery.bytes(&system, packed, size);
                    let odd = || Error::Rogue(format!("it asks for {size} bytes of a gate for {system:?}"));
                    let gate = gate.filter(|_| !self.shared.was_sent()).ok_or_else(odd)?;
                    self.due = Some((Instant::now() + self.options.upload, "the upload of the gate"));
                    self.shared.write(Write::Upload(gate));
                }
                Said::Clean => return Err(Error::Rogue("it was not asked to clean up".into())),
            }
        }
        Ok(())
    }

    fn frame(&mut self, frame: Frame) -> Result<(), Error> {
        let json = match frame {
            Frame::Content { transfer, bytes } => {
                return self.shared.table().piece(transfer, bytes, WINDOW);
            }
            Frame::Message(json) => json,
        };
        let answer = serde_json::from_slice(&json)
            .map_err(|error| Error::Rogue(format!("a message that cannot be read: {error}")))?;
        if self.ready.borrow().is_none() && !matches!(answer, Answer::Hello(_) | Answer::Error { .. }) {
            return Err(Error::Rogue("it does not say first who it is".into()));
        }
        self.answer(answer)
    }

    fn answer(&mut self, answer: Answer) -> Result<(), Error> {
        match answer {
            Answer::Hello(hello) => self.hello(hello),
            Answer::Started { id } => self.shared.table().started(id),
            Answer::Foreseen { id, parts } => self.shared.table().foreseen(id, self.shared.number, parts),
            Answer::Result { id, body } => self.shared.table().done(id, body),
            Answer::Event { id, stream, line, dropped } => {
                let listener = self.shared.table().listener(id)?;
                if dropped > 0 {
                    listener.output(stream.into(), &format!("[{dropped} lines are missing here]"));
                }
                if dropped == 0 || !line.is_empty() {
                    listener.output(stream.into(), &line);
                }
                Ok(())
            }
            Answer::Need { id, contents } => self.need(id, contents),
            Answer::Info { id, info } => {
                let waiting = self.shared.table().infos.remove(&id);
                let waiting =
                    waiting.ok_or_else(|| Error::Rogue(format!("an answer to no question {id}")))?;
                // Whoever asked may have stopped waiting.
                waiting.send(Ok(info)).ok();
                Ok(())
            }
            Answer::Ack { transfer, bytes } => self.shared.table().acked(transfer, bytes),
            Answer::Pong { seq } if seq <= self.pings => Ok(()),
            Answer::Pong { seq } => Err(Error::Rogue(format!("an answer to no ping {seq}"))),
            Answer::Error { id: Some(id), message } => self.shared.table().refused(id, &message),
            Answer::Error { id: None, message } => Err(Error::GaveUp(message)),
            Answer::Bye => {
                self.bye = true;
                Ok(())
            }
            // Whoever keeps it for others hears that, not we.
            Answer::Clean { .. } => Err(Error::Rogue("it was not asked to forget anything".into())),
        }
    }

    fn hello(&mut self, hello: Hello) -> Result<(), Error> {
        if self.ready.borrow().is_some() {
            return Err(Error::Rogue("it says twice who it is".into()));
        }
        if hello.version != VERSION {
            return Err(Error::Version(hello.version));
        }
        self.due = None;
        self.ready.send_replace(Some(Ok(hello)));
        Ok(())
    }

    /// The gate asks for contents. It gets those that the request stands on, and nothing else of ours.
    fn need(&self, id: u64, contents: Vec<String>) -> Result<(), Error> {
        let offered = self.shared.table().offered(id)?;
        let mut asked = self.shared.asked();
        let mut wanted = Vec::with_capacity(contents.len().min(offered.len()));
        for sha256 in contents {
            let source = offered.get(&sha256).cloned();
            let source = source.ok_or_else(|| {
                Error::Rogue(format!("request {id} was not offered the content {sha256:?}"))
            })?;
            // Another request may ask again, for a content that could not be kept the first time.
            if !asked.insert((id, sha256.clone())) {
                return Err(Error::Rogue(format!("request {id} asks twice for the content {sha256}")));
            }
            wanted.push((sha256, source));
        }
        drop(asked);
        tokio::spawn(upload::upload(self.shared.clone(), wanted));
        Ok(())
    }

    fn error_output(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.tail.extend_from_slice(bytes);
        let extra = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..extra);
        if !matches!(self.phase, Phase::Shell(_)) {
            return Ok(());
        }
        if let Some(dialogue) = &mut self.dialogue
            && let Answered::Password(password) = dialogue.hear(bytes)?
        {
            // Whoever checks passwords takes its time on purpose.
            self.due = Some((Instant::now() + self.options.start, "an answer to the password"));
            self.shared.write(Write::Raw(password));
        }
        Ok(())
    }

    /// Asks whether the gate is there; gives it up after too long a silence, or when it was closed here and does
    /// not take notice.
    fn beat(&mut self) -> Result<(), Error> {
        if self.ready.borrow().is_none() {
            return Ok(());
        }
        if self.heard.elapsed() > self.options.patience {
            return Err(Error::Silent(self.options.patience.as_secs()));
        }
        if self.shared.closing().is_some_and(|since| since.elapsed() > self.options.start) {
            return Err(Error::Closed);
        }
        self.pings += 1;
        self.shared.order(&Order::Ping { seq: self.pings });
        Ok(())
    }

    fn late(&self) -> Error {
        let what = self.due.map_or("an answer", |(_, what)| what);
        let said = self.said();
        let said = if said.is_empty() { said } else { format!("; it said: {said}") };
        let seconds = self.options.start.as_secs();
        match (&self.dialogue, &self.phase) {
            (Some(dialogue), Phase::Shell(_)) => dialogue.late(&format!("{what} did not come{said}")),
            _ => Error::Gone(format!("{what} did not come within {seconds} s{said}")),
        }
    }

    /// The output has ended: what was said last says why.
    async fn end(&mut self, errors: &mut Input) -> Error {
        if self.bye {
            return Error::Closed;
        }
        let mut rest = Vec::new();
        // What came in time is looked at, whether more would have come or not.
        let _ = timeout(LAST_WORDS, errors.take(TAIL as u64).read_to_end(&mut rest)).await;
        if let Err(error) = self.error_output(&rest) {
            return error;
        }
        if let Phase::Gate(decoder) = &self.phase
            && decoder.end().is_err()
        {
            return Error::Gone(format!("within a frame; {}", self.said()));
        }
        match (&self.phase, &self.dialogue) {
            (Phase::Shell(_), Some(dialogue)) => dialogue.ended(&self.said()),
            (Phase::Shell(preamble), None) => {
                let said = [self.said(), preamble.tail()].join(" ");
                Error::Gone(said.trim().to_owned())
            }
            _ => Error::Gone(self.said()),
        }
    }

    fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.tail);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(3)..].join("; ")
    }
}

fn rogue(error: FrameError) -> Error {
    Error::Rogue(error.to_string())
}
