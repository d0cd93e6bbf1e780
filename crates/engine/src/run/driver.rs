//! Drives one run: feeds the dispatcher, writes what it says to the journal, and does what it orders.
//!
//! The rule that everything here serves: nothing leaves the process before the record of its cause is durable.
//! An order to start waits until the journal has its records; observers hear of durable records only.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use windlass_model::{At, Code, Failure, RunId, Usage};
use windlass_store::{Durable, Lease, Position, Store};

use super::Command;
use super::bank::Bank;
use super::cleanup::Cleanup;
use super::clock::now_ms;
use super::executor::{self, Surroundings};
use super::handle::Finished;
use super::publisher::Publisher;
use crate::Error;
use crate::dispatch::{Dispatcher, Found, Input, Inquiry, Order, Start, Timer};

/// How often a driver looks for commands that other processes left in the store.
const INBOX: Duration = Duration::from_millis(200);

/// Drives one run to its end.
pub(crate) struct Driver {
    pub run: RunId,
    pub dispatcher: Dispatcher,
    pub store: Store,
    pub surroundings: Arc<Surroundings>,
    pub(super) cleanup: Cleanup,
    /// The budgets that the run shares with others.
    pub(super) bank: Bank,
    /// Executors and handles write here. Unbounded in type, bounded in fact: one message for each step that
    /// runs, and those that a person types.
    pub inputs: mpsc::UnboundedReceiver<Input>,
    pub sender: mpsc::UnboundedSender<Input>,
    pub publisher: Option<Publisher>,
    /// Held until everything is written.
    pub lease: Lease,
    /// The last command of the store's inbox that was heard.
    pub heard: u64,
}

/// What the driver keeps besides.
pub(super) struct Work {
    pub(super) durable: watch::Receiver<Durable>,
    /// What waits for the disk to begin, in order.
    starts: VecDeque<(Position, Begin)>,
    running: HashMap<At, CancellationToken>,
    timers: BinaryHeap<Reverse<(u64, u64)>>,
    timer_kinds: HashMap<u64, Timer>,
    timer_count: u64,
    appended: Position,
    /// Steps that wait until it is durable how things were before, in order; the position is known once the
    /// record is appended.
    kept: VecDeque<(Option<Position>, oneshot::Sender<()>)>,
    /// What attempts used, to be settled on the shared budgets once it is durable.
    used: VecDeque<(Position, (At, u32, Usage))>,
    /// Commands whose effects are durable from a position on.
    settle: Option<(Position, u64)>,
}

/// Something that begins when the records before it are durable.
enum Begin {
    Step(Box<Start>),
    Inquiry(Box<Inquiry>),
}

impl Begin {
    fn at(&self) -> At {
        match self {
            Begin::Step(start) => start.at,
            Begin::Inquiry(inquiry) => inquiry.at,
        }
    }

    /// What is told of it when it is ended before it began.
    fn never_began(self) -> Input {
        let (at, timed_out, cancelled) = (self.at(), false, true);
        match self {
            Begin::Step(_) => {
                let (result, writes) = (Ok(executor::never_began()), Vec::new());
                let finished = crate::dispatch::Finished { at, result, timed_out, cancelled, writes };
                Input::Finished(Box::new(finished))
            }
            Begin::Inquiry(_) => {
                let result = Err(executor::ended_early());
                Input::Found(Box::new(Found { at, result, timed_out, cancelled }))
            }
        }
    }
}

impl Driver {
    /// Works until the run ends or is interrupted.
    pub(crate) async fn drive(mut self) -> Result<Finished, Error> {
        let mut work = Work {
            durable: self.store.journal().durable(),
            starts: VecDeque::new(),
            running: HashMap::new(),
            timers: BinaryHeap::new(),
            timer_kinds: HashMap::new(),
            timer_count: 0,
            appended: Position::default(),
            kept: VecDeque::new(),
            used: VecDeque::new(),
            settle: None,
        };
        self.begin_cleanup(&mut work).await;
        let worked = self.work(&mut work).await;
        // However it ended, nothing that it started goes on without it.
        work.running.values().for_each(CancellationToken::cancel);
        work.starts.clear();
        // Where the work broke off with an error, this has still to be done.
        self.end_cleanup(&mut work).await;
        let written = self.last_write(&mut work).await;
        if let Some(publisher) = self.publisher.take() {
            publisher.finish().await;
        }
        worked.and(written)?;
        drop(self.lease);
        Ok(Finished { state: Arc::new(self.dispatcher.into_state()) })
    }

    async fn work(&mut self, work: &mut Work) -> Result<(), Error> {
        let on_disk = self.store.state().is_some();
        // The only thread that there is may be wanted for signals and other runs while the disk works.
        let may_write = Handle::current().metrics().num_workers() > 1;
        let mut inbox = tokio::time::interval(INBOX);
        inbox.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let more = self.dispatcher.pump(now_ms());
            if self.dispatcher.is_leaving() && self.cleanup.is_empty() && self.owes_nothing(work) {
                // Nothing comes between the last records: they are written together.
                self.dispatcher.leave(now_ms());
            }
            // With nothing else to do, the driver takes the writer's place.
            let alone = may_write && !more && work.running.is_empty() && self.inputs.is_empty();
            self.write(work, alone).await?;
            if self.dispatcher.is_over() {
                return Ok(());
            }
            if self.dispatcher.is_leaving() {
                // A crash from here on finds the run still open, and a resume takes the rest back.
                self.end_cleanup(work).await;
                self.settle_all(work).await?;
                self.dispatcher.leave(now_ms());
                continue;
            }
            self.launch(work)?;
            if more {
                tokio::task::yield_now().await;
                while let Ok(input) = self.inputs.try_recv() {
                    self.take(work, input);
                }
                continue;
            }
            let alarm = work.alarm();
            tokio::select! {
                input = self.inputs.recv() => {
                    if let Some(input) = input {
                        self.take(work, input);
                    }
                    // What came at the same time is one turn, and one write.
                    while let Ok(input) = self.inputs.try_recv() {
                        self.take(work, input);
                    }
                }
                note = self.cleanup.heard() => self.note(note),
                changed = work.durable.changed(), if work.waits() || self.cleanup.waits() => {
                    changed.map_err(|_| lost("its writer went away"))?;
                }
                () = sleep_until(alarm) => work.ring(&mut self.dispatcher),
                _ = inbox.tick(), if on_disk => self.read_inbox(work)?,
            }
        }
    }

    fn take(&mut self, work: &mut Work, input: Input) {
        match &input {
            Input::Finished(finished) => drop(work.running.remove(&finished.at)),
            Input::Found(found) => drop(work.running.remove(&found.at)),
            _ => {}
        }
        if let Some(reply) = self.dispatcher.handle(now_ms(), input) {
            work.kept.push_back((None, reply));
        }
    }

    /// Appends what the dispatcher wrote, tells observers, and takes its orders.
    pub(super) async fn flush(&mut self, work: &mut Work) -> Result<(), Error> {
        self.write(work, false).await
    }

    /// The same. Where the driver is `alone` and what was ordered waits for the disk, it waits right here.
    async fn write(&mut self, work: &mut Work, alone: bool) -> Result<(), Error> {
        if let Some(refused) = self.dispatcher.broken() {
            return Err(Error::Panic(refused.to_string()));
        }
        let (records, orders) = self.dispatcher.take();
        let used: Vec<_> = records.iter().filter_map(|record| self.bank.settled_by(&record.event)).collect();
        if !records.is_empty() {
            let batch: Option<Arc<[_]>> = self.publisher.is_some().then(|| records.as_slice().into());
            let journal = self.store.journal();
            work.appended = match alone && (self.dispatcher.is_over() || orders.iter().any(Order::begins)) {
                true => journal.append_now(&self.run, records)?,
                false => journal.append(&self.run, records)?,
            };
            if let (Some(publisher), Some(batch)) = (&self.publisher, batch) {
                publisher.send((work.appended, batch)).await;
            }
        }
        work.used.extend(used.into_iter().map(|used| (work.appended, used)));
        self.cleanup.appended(work.appended);
        for (at, _) in work.kept.iter_mut().filter(|(at, _)| at.is_none()) {
            *at = Some(work.appended);
        }
        for order in orders {
            match order {
                Order::Start(start) => work.starts.push_back((work.appended, Begin::Step(start))),
                Order::Inquire(inquiry) => work.starts.push_back((work.appended, Begin::Inquiry(inquiry))),
                Order::Cancel(at) => self.cancel(work, at),
                Order::Reserve(ask) => self.bank.reserve(ask)?,
                Order::Release { at, attempt } => self.bank.release(at, attempt)?,
                Order::Probe(asks) => self.bank.probe(asks)?,
                Order::Wake { at, timer } => work.set(at, timer),
            }
        }
        Ok(())
    }

    fn cancel(&mut self, work: &mut Work, at: At) {
        if let Some(token) = work.running.get(&at) {
            return token.cancel();
        }
        // It still waits for the disk: it never began.
        let place = work.starts.iter().position(|(_, begin)| begin.at() == at);
        if let Some((_, begin)) = place.and_then(|place| work.starts.remove(place)) {
            self.sender.send(begin.never_began()).ok();
        }
    }

    /// Begins what the disk has the cause of.
    fn launch(&mut self, work: &mut Work) -> Result<(), Error> {
        let (position, failed) = {
            let durable = work.durable.borrow_and_update();
            (durable.position, durable.failed.clone())
        };
        if let Some(error) = failed {
            return Err(lost(&error.to_string()));
        }
        self.cleanup.durable(position);
        while work.kept.front().is_some_and(|(at, _)| at.is_some_and(|at| at <= position)) {
            if let Some((_, reply)) = work.kept.pop_front() {
                // A step that was ended meanwhile does not wait any more.
                reply.send(()).ok();
            }
        }
        while work.starts.front().is_some_and(|(at, _)| *at <= position) {
            match work.starts.pop_front() {
                Some((_, Begin::Step(start))) => {
                    let then = start.then.iter().map(|start| start.at);
                    let all: Vec<At> = std::iter::once(start.at).chain(then).collect();
                    let cancel = executor::spawn(&self.surroundings, *start, self.sender.clone());
                    work.running.extend(all.into_iter().map(|at| (at, cancel.clone())));
                }
                Some((_, Begin::Inquiry(inquiry))) => {
                    let at = inquiry.at;
                    work.running.insert(at, executor::inquire(*inquiry, self.sender.clone()));
                }
                None => {}
            }
        }
        let mut used = Vec::new();
        while let Some((_, one)) = work.used.pop_front_if(|(at, _)| *at <= position) {
            used.push(one);
        }
        if !used.is_empty() {
            self.bank.settle(used)?;
        }
        if let Some((_, through)) = work.settle.take_if(|(at, _)| *at <= position) {
            self.store.journal().settle(&self.run, through)?;
        }
        Ok(())
    }

    /// Settles everything on the shared budgets before the run's last record: a run that ended owes nothing.
    async fn settle_all(&mut self, work: &mut Work) -> Result<(), Error> {
        if self.owes_nothing(work) {
            // Then the last record need not wait for those before it: they become durable together.
            return Ok(());
        }
        let appended = work.appended;
        let durable = work.durable.wait_for(|d| d.position >= appended || d.failed.is_some()).await;
        let failed = durable.map_err(|_| lost("its writer went away"))?.failed.clone();
        if let Some(error) = failed {
            return Err(lost(&error.to_string()));
        }
        let used: Vec<_> = work.used.drain(..).map(|(_, used)| used).collect();
        if !used.is_empty() {
            self.bank.settle(used)?;
        }
        let state = self.dispatcher.state();
        let began = |at: At, attempt: u32| state.step(at).is_some_and(|run| run.attempts >= attempt);
        self.bank.drain(began).await
    }

    fn owes_nothing(&self, work: &Work) -> bool {
        work.used.is_empty() && self.bank.owes_nothing()
    }

    /// Hears what other processes left for this run.
    fn read_inbox(&mut self, work: &mut Work) -> Result<(), Error> {
        for posted in self.store.journal().posted(&self.run, self.heard)? {
            self.heard = posted.id;
            // A command of a later version is left out rather than the run ended.
            if let Ok(command) = serde_json::from_value::<Command>(posted.command) {
                self.dispatcher.handle(now_ms(), command.into());
            }
            work.settle = Some((Position(work.appended.0 + 1), posted.id));
        }
        Ok(())
    }

    async fn last_write(&mut self, work: &mut Work) -> Result<(), Error> {
        let appended = work.appended;
        let durable = work.durable.wait_for(|d| d.position >= appended || d.failed.is_some()).await;
        let failed = durable.map_err(|_| lost("its writer went away"))?.failed.clone();
        if let Some(error) = failed {
            return Err(lost(&error.to_string()));
        }
        if self.heard > 0 {
            self.store.journal().settle(&self.run, self.heard)?;
        }
        Ok(())
    }
}

impl Work {
    /// Whether somebody waits for the disk.
    fn waits(&self) -> bool {
        !self.starts.is_empty() || !self.kept.is_empty() || !self.used.is_empty()
    }

    fn set(&mut self, at: u64, timer: Timer) {
        self.timer_count += 1;
        self.timers.push(Reverse((at, self.timer_count)));
        self.timer_kinds.insert(self.timer_count, timer);
    }

    fn alarm(&self) -> Option<u64> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    fn ring(&mut self, dispatcher: &mut Dispatcher) {
        let now = now_ms();
        while self.alarm().is_some_and(|at| at <= now) {
            let Some(Reverse((_, id))) = self.timers.pop() else { return };
            if let Some(timer) = self.timer_kinds.remove(&id) {
                dispatcher.handle(now, Input::Timer(timer));
            }
        }
    }
}

async fn sleep_until(at: Option<u64>) {
    match at {
        Some(at) => tokio::time::sleep(Duration::from_millis(at.saturating_sub(now_ms()))).await,
        None => std::future::pending().await,
    }
}

fn lost(why: &str) -> Error {
    let message = format!("the journal could not be written: {why}");
    Error::Failed(
        Failure::new(Code::JournalLost, message).hint("make room on the disk, then `windlass resume`"),
    )
}
