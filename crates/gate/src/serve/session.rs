//! One connection: reads orders and sees to each without waiting for any.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    os::fd::AsFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{
    Ended, Options, batch, broken, guard::Guard, info, lock, out::Outbox, pool::Pool, run, send,
    send::Windows, spool::Spool,
};
use crate::{
    Cancel, Forecast,
    wire::{self, Answer, Body, Decoder, Frame, ORDER_LIMIT, Order, REQUESTS, Task},
};

/// How long modules may take to end after the connection has: their children get two seconds to clean up, and
/// five more until the system has taken them away.
const LAST: Duration = Duration::from_secs(8);

/// How long the last answers may take to be taken.
const DRAIN: Duration = Duration::from_secs(2);

/// A connection.
pub(super) struct Session {
    pub(super) options: Options,
    pub(super) out: Outbox,
    pub(super) spool: Spool,
    pub(super) guard: Guard,
    pub(super) windows: Windows,
    /// What check mode has said so far, for each run.
    pub(super) forecasts: Mutex<HashMap<u64, Arc<Forecast>>>,
    pub(super) pool: Pool,
    pub(super) running: Mutex<HashMap<u64, Cancel>>,
    /// A module broke: what it held is held for good.
    pub(super) broken: AtomicBool,
}

/// What one controller has said of itself.
#[derive(Default)]
struct Talk {
    /// How long it may be quiet.
    quiet: Option<u64>,
    /// It is not the first, and has not spoken yet.
    next: bool,
}

/// Whether to read on.
enum Next {
    On,
    End,
}

impl Session {
    pub(super) fn start(output: impl Write + Send + 'static, options: Options) -> io::Result<Arc<Self>> {
        let session = Arc::new(Self {
            out: Outbox::default(),
            spool: Spool::new(options.dir.clone()),
            guard: Guard::new(options.guard.clone()),
            windows: Windows::default(),
            forecasts: Mutex::default(),
            pool: Pool::default(),
            running: Mutex::default(),
            broken: AtomicBool::new(false),
            options,
        });
        session.out.reply(&Answer::Hello(info::hello(&session.options.hash)));
        let writer = session.clone();
        thread::Builder::new().name("write".into()).spawn(move || writer.out.write_to(output))?;
        Ok(session)
    }

    pub(super) fn run(self: Arc<Self>, input: impl Read + AsFd) -> Result<(), Ended> {
        let ended = self.read(input);
        lock(&self.running).values().for_each(Cancel::cancel);
        self.pool.close(LAST);
        self.guard.dismiss();
        self.spool.clear();
        self.out.reply(&match &ended {
            Ok(_) => Answer::Bye,
            Err(why) => Answer::Error { id: None, message: why.to_string() },
        });
        self.out.drain(DRAIN);
        self.out.close();
        ended
    }

    /// Reads until the input ends or the controller has had enough.
    fn read(self: &Arc<Self>, mut input: impl Read + AsFd) -> Result<(), Ended> {
        let (mut decoder, mut talk) = (Decoder::new(ORDER_LIMIT), Talk::default());
        let mut bytes = vec![0; 1 << 16];
        loop {
            heard(&input, talk.quiet)?;
            let count = match input.read(&mut bytes) {
                Ok(0) => return decoder.end().map_err(Ended::from),
                Ok(count) => count,
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) =>
                {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            decoder.push(&bytes[..count]);
            while let Some(frame) = decoder.pull()? {
                if let Next::End = self.frame(frame, &mut talk)? {
                    return Ok(());
                }
            }
        }
    }

    fn frame(self: &Arc<Self>, frame: Frame, talk: &mut Talk) -> Result<Next, Ended> {
        let order = match frame {
            Frame::Content { transfer, bytes } => {
                let answer = match self.spool.piece(transfer, &bytes) {
                    Ok(bytes) => Answer::Ack { transfer, bytes },
                    Err(message) => Answer::Error { id: None, message },
                };
                return self.reply(&answer);
            }
            Frame::Message(json) => match wire::order(&json) {
                Ok(order) => order,
                Err(unread) => return self.refuse(unread.id, unread.message),
            },
        };
        match order {
            Order::Hello { version, .. } if version != wire::VERSION => Err(Ended::Version(version)),
            Order::Hello { quiet_ms, .. } => {
                talk.quiet = quiet_ms;
                if !std::mem::take(&mut talk.next) {
                    return Ok(Next::On);
                }
                self.reply(&Answer::Hello(info::hello(&self.options.hash)))
            }
            Order::Reset { nonce, quiet_ms } => {
                self.reset().map_err(Ended::Unclean)?;
                *talk = Talk { quiet: Some(quiet_ms), next: true };
                self.reply(&Answer::Clean { nonce })
            }
            Order::Shutdown => Ok(Next::End),
            other => self.order(other),
        }
    }

    fn order(self: &Arc<Self>, order: Order) -> Result<Next, Ended> {
        match order {
            Order::Module(task) => {
                let ids = vec![task.id];
                self.request(ids, move |session, cancel| batch::single(&task, session, cancel))
            }
            Order::Batch { id, modules } if modules.is_empty() => {
                self.refuse(Some(id), "a batch has no modules".into())
            }
            Order::Batch { id, modules } => {
                let ids = [id].into_iter().chain(modules.iter().map(|task| task.id)).collect();
                self.request(ids, move |session, cancel| batch::all(id, &modules, session, cancel))
            }
            Order::Get { id, transfer, path } => self.request(vec![id], move |session, cancel| {
                let body = send::file(transfer, &path, session, cancel);
                session.finish(&[id], id, body);
            }),
            Order::Cancel { id } => {
                // One that is over already has its answer.
                if let Some(cancel) = lock(&self.running).get(&id) {
                    cancel.cancel();
                }
                Ok(Next::On)
            }
            Order::Put { transfer, sha256, size } => {
                match self.spool.put(transfer, sha256, size, &self.guard) {
                    Ok(()) => Ok(Next::On),
                    Err(message) => self.refuse(None, message),
                }
            }
            Order::Lack { sha256, message } => {
                self.spool.lacking(&sha256, message);
                Ok(Next::On)
            }
            Order::Ack { transfer, bytes } => {
                self.windows.ack(transfer, bytes);
                Ok(Next::On)
            }
            Order::Info { id } => {
                let running = lock(&self.running).len();
                let info = info::info(&self.options.hash, &self.options.cwd, running);
                self.reply(&Answer::Info { id, info })
            }
            Order::Ping { seq } => self.reply(&Answer::Pong { seq }),
            Order::Hello { .. } | Order::Reset { .. } | Order::Shutdown => Ok(Next::On),
        }
    }

    /// Puts a request to work under its ids.
    fn request(
        self: &Arc<Self>,
        ids: Vec<u64>,
        work: impl FnOnce(&Session, &Cancel) + Send + 'static,
    ) -> Result<Next, Ended> {
        let cancel = Cancel::new();
        let first = ids.first().copied();
        if let Err(message) = self.register(&ids, &cancel) {
            return self.refuse(first, message);
        }
        let (session, own) = (self.clone(), ids.clone());
        let work = move || broken::tracked(session.clone(), own, || work(&session, &cancel));
        if self.pool.submit(work) {
            return Ok(Next::On);
        }
        self.forget(&ids);
        self.refuse(first, "the host has no room for another thread".into())
    }

    fn register(&self, ids: &[u64], cancel: &Cancel) -> Result<(), String> {
        let mut running = lock(&self.running);
        if running.len() + ids.len() > REQUESTS {
            return Err(format!("more than {REQUESTS} requests at once"));
        }
        let mut own = HashMap::new();
        for id in ids {
            if running.contains_key(id) || own.insert(*id, cancel.clone()).is_some() {
                return Err(format!("id {id} is in use"));
            }
        }
        running.extend(own);
        Ok(())
    }

    /// What is foreseen by the steps of a run.
    pub(super) fn forecast(&self, task: &Task) -> Arc<Forecast> {
        let foresight = task.foresight.as_deref();
        let run = foresight.map_or(0, |foresight| foresight.run);
        let forecast = lock(&self.forecasts).entry(run).or_default().clone();
        if let Some(foresight) = foresight {
            forecast.learn(foresight.known.iter().cloned());
        }
        forecast
    }

    /// Answers a request. Its ids are free before the answer is out, so that they can be used again after it.
    pub(super) fn finish(&self, ids: &[u64], id: u64, body: Body) {
        self.forget(ids);
        self.out.send(run::frame(id, body));
    }

    /// Whether a request has no answer yet.
    pub(super) fn is_running(&self, id: u64) -> bool {
        lock(&self.running).contains_key(&id)
    }

    /// The thread that calls this does no more requests, and is not waited for.
    pub(super) fn abandon(&self) {
        self.broken.store(true, Ordering::SeqCst);
        self.pool.leave();
    }

    fn forget(&self, ids: &[u64]) {
        let mut running = lock(&self.running);
        ids.iter().for_each(|id| drop(running.remove(id)));
    }

    /// Asks for contents that nobody has asked for yet.
    pub(super) fn ask(&self, id: u64, absent: &[&str]) {
        let contents = self.spool.missing(absent.iter().copied());
        if !contents.is_empty() {
            self.out.answer(&Answer::Need { id, contents });
        }
    }

    fn refuse(&self, id: Option<u64>, message: String) -> Result<Next, Ended> {
        self.reply(&Answer::Error { id, message })
    }

    fn reply(&self, answer: &Answer) -> Result<Next, Ended> {
        if self.out.reply(answer) { Ok(Next::On) } else { Err(Ended::Deaf) }
    }
}

/// Waits until there is something to read, but no longer than the controller may be quiet.
fn heard(input: &impl AsFd, quiet: Option<u64>) -> Result<(), Ended> {
    let Some(quiet) = quiet else { return Ok(()) };
    let timeout = Timespec::try_from(Duration::from_millis(quiet)).ok();
    loop {
        match poll(&mut [PollFd::new(input, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return Err(Ended::Quiet(quiet)),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
}
