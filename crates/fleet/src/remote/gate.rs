//! A gate as callers know it: requests go in, replies come out, many at once.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;
use windlass_gate::wire::{Body, Fault, Hello, Info, ORDER_LIMIT, Order, REQUESTS, RESET, VERSION, encode};
use windlass_gate::{Progress, Reply};
use windlass_model::{Code, Failure};

use super::link::Link;
use super::pending::{Group, Kind, Pending, Table, Told};
use super::write::{Write, write};
use super::{Become, Delivery, Error, Request, request, upload};
use crate::failure;

/// What a listener to live output is.
pub(super) type Listener = Arc<dyn Progress + Send + Sync>;

/// How many requests may be open at once: fewer than a gate takes, since a batch counts as one more there.
const OPEN: usize = REQUESTS / 2;

/// How many pieces of contents wait for the line: enough to keep it busy.
const PIECES: usize = 4;

/// What carries a conversation with a host: a command's three streams.
pub struct Streams {
    /// Goes to the command.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// Comes from it.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// Comes from it beside that.
    pub errors: Box<dyn AsyncRead + Send + Unpin>,
    /// Called before the end of the input where the gate is clean: whoever carries the streams takes it over then,
    /// and has it forget us.
    pub back: Option<Box<dyn FnOnce() + Send>>,
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Streams")
    }
}

/// How long a gate may take for what.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Until the host's shell has spoken, until a password is checked, until the gate has spoken.
    pub start: Duration,
    /// Until an upload of the gate is through.
    pub upload: Duration,
    /// How often it is asked whether it is there.
    pub heartbeat: Duration,
    /// A gate that is silent for so long is lost. It ends itself after twice that time without a word from here.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { start: seconds(15), upload: seconds(300), heartbeat: seconds(10), patience: seconds(30) }
    }
}

/// A gate on a host. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub struct Gate {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) shared: Arc<Shared>,
    ready: watch::Receiver<Option<Result<Hello, Error>>>,
    slots: Arc<Semaphore>,
}

/// What the reading side, the writing side and the callers share.
pub(super) struct Shared {
    table: Mutex<Table>,
    orders: mpsc::UnboundedSender<Write>,
    pub(super) pieces: mpsc::Sender<Vec<u8>>,
    pub(super) uploads: Semaphore,
    /// The contents that the gate has asked for, with the requests: it asks for none twice for one request.
    asked: Mutex<HashSet<(u64, String)>>,
    sent: std::sync::atomic::AtomicBool,
    closing: Mutex<Option<Instant>>,
    /// Somebody takes the gate over when we are done.
    kept: bool,
    /// By what it is known among those that foresee.
    pub(super) number: u64,
}

impl Shared {
    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn asked(&self) -> MutexGuard<'_, HashSet<(u64, String)>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an order. One that comes too late goes nowhere, like the connection.
    pub(super) fn order(&self, order: &Order) {
        self.write(Write::Frame(encode(order)));
    }

    pub(super) fn write(&self, what: Write) {
        // After the end of the connection nobody writes, and every caller hears why from the table.
        self.orders.send(what).ok();
    }

    /// Whether the gate itself was sent before; from now on it was.
    pub(super) fn was_sent(&self) -> bool {
        self.sent.swap(true, std::sync::atomic::Ordering::SeqCst)
    }

    /// Since when it is being closed here.
    pub(super) fn closing(&self) -> Option<Instant> {
        *self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        closing.get_or_insert_with(Instant::now);
    }
}

impl Inner {
    /// Whether the gate can be handed on: it knows how to forget us, and owes us nothing.
    fn is_clean(&self) -> bool {
        let forgets = |hello: &Hello| hello.caps.iter().any(|cap| cap == RESET);
        self.shared.kept
            && matches!(&*self.ready.borrow(), Some(Ok(hello)) if forgets(hello))
            && self.shared.table().is_idle()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
        self.shared.write(if self.is_clean() { Write::Back } else { Write::End });
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("ready", &*self.inner.ready.borrow()).finish_non_exhaustive()
    }
}

impl Gate {
    /// Speaks to the command of `delivery` ([`Delivery::command`]), which runs at the other end of the streams
    /// as `wanted` ([`Become::command`]) if that is given. Returns at once: requests may follow immediately, and
    /// are sent before it is known whether the gate is there. Must be called within a tokio runtime.
    pub fn open(streams: Streams, delivery: Delivery, wanted: Option<&Become>, options: Options) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let (orders, orders_out) = mpsc::unbounded_channel();
        let (pieces, pieces_out) = mpsc::channel(PIECES);
        let (ready, ready_out) = watch::channel(None);
        let shared = Arc::new(Shared {
            table: Mutex::default(),
            orders,
            pieces,
            uploads: Semaphore::new(upload::AT_ONCE),
            asked: Mutex::default(),
            sent: std::sync::atomic::AtomicBool::new(false),
            closing: Mutex::default(),
            kept: streams.back.is_some(),
            number: LAST.fetch_add(1, Ordering::Relaxed) + 1,
        });
        let quiet = u64::try_from(options.patience.as_millis()).unwrap_or(u64::MAX);
        shared.order(&Order::Hello { version: VERSION, quiet_ms: Some(quiet.saturating_mul(2)) });
        let link = Link::new(shared.clone(), delivery, options, wanted.map(Become::dialogue), ready);
        let Streams { input, output, errors, back } = streams;
        let eager = wanted.is_none_or(Become::eager);
        let writer = tokio::spawn(write(input, orders_out, pieces_out, eager, back));
        tokio::spawn(async move {
            link.run(output, errors).await;
            // It may hang in a write to a host that takes nothing any more.
            tokio::time::timeout(Duration::from_secs(1), writer).await.ok();
        });
        let slots = Arc::new(Semaphore::new(OPEN));
        Self { inner: Arc::new(Inner { shared, ready: ready_out, slots }) }
    }

    /// The same, and waits until the gate has spoken.
    pub async fn start(
        streams: Streams,
        delivery: Delivery,
        wanted: Option<&Become>,
        options: Options,
    ) -> Result<Self, Error> {
        let gate = Self::open(streams, delivery, wanted, options);
        gate.ready().await.map(|_| gate)
    }

    /// Waits until the gate has spoken, and says who it is.
    pub async fn ready(&self) -> Result<Hello, Error> {
        let mut ready = self.inner.ready.clone();
        match ready.wait_for(Option::is_some).await {
            Ok(ready) => ready.clone().unwrap_or(Err(Error::Closed)),
            Err(_) => Err(self.ended()),
        }
    }

    /// Why the connection is over, if it is.
    pub fn error(&self) -> Option<Error> {
        self.inner.shared.table().ended.clone()
    }

    /// Whether requests may be sent: not after the end of the connection, nor after one that broke the gate, which
    /// does what it has begun and nothing more.
    pub fn is_usable(&self) -> bool {
        let table = self.inner.shared.table();
        table.ended.is_none() && !table.broken
    }

    /// Runs a module. A caller that stops waiting cancels it.
    pub async fn run(&self, request: Request, listener: Option<Listener>) -> Result<Reply, Failure> {
        let mut batch = self.submit(vec![request], listener, None).await?;
        loop {
            match batch.next().await {
                Some((_, Said::Done(done))) => return done,
                Some((_, Said::Lost(lost))) => return Err(lost),
                Some((_, Said::Started)) => {}
                Some((_, Said::NotStarted)) | None => return Err(failure::cancelled()),
            }
        }
    }

    /// Runs modules in their order, up to the first that fails; what came of each is told as it comes. A caller
    /// that drops the batch cancels what is left of it.
    pub async fn batch(&self, requests: Vec<Request>, listener: Option<Listener>) -> Result<Batch, Failure> {
        let id = self.inner.shared.table().id();
        self.submit(requests, listener, Some(id)).await
    }

    /// Who the gate is.
    pub async fn info(&self) -> Result<Info, Error> {
        let (told, answer) = oneshot::channel();
        let id = {
            let mut table = self.inner.shared.table();
            if let Some(error) = &table.ended {
                return Err(error.clone());
            }
            let id = table.id();
            table.infos.insert(id, told);
            id
        };
        self.inner.shared.order(&Order::Info { id });
        answer.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Ends the gate, or gives it back, and waits until it is gone.
    pub async fn close(self) {
        self.inner.shared.close();
        if self.inner.is_clean() {
            self.inner.shared.write(Write::Back);
        } else {
            self.inner.shared.order(&Order::Shutdown);
            self.inner.shared.write(Write::End);
        }
        self.over().await;
    }

    /// Waits until it is gone, which keeps nobody from ending it.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut ready = self.inner.ready.clone();
        // The reading side drops its end when it is done; it takes no longer than a start.
        async move { while ready.changed().await.is_ok() {} }
    }

    pub(super) async fn slots(&self, count: usize) -> Result<OwnedSemaphorePermit, Failure> {
        let count = u32::try_from(count).ok().filter(|count| *count as usize <= OPEN);
        let count = count.ok_or_else(|| {
            let text = format!("a batch of more than {OPEN} modules");
            Failure::new(Code::BadParams, text).permanent()
        })?;
        let slots = self.inner.slots.clone().acquire_many_owned(count).await;
        Ok(slots.expect("the semaphore is never closed"))
    }

    pub(super) fn alive(&self) -> Result<MutexGuard<'_, Table>, Failure> {
        let table = self.inner.shared.table();
        match &table.ended {
            Some(error) => Err(error.failure()),
            None => Ok(table),
        }
    }

    pub(super) fn ended(&self) -> Error {
        self.error().unwrap_or(Error::Closed)
    }

    pub(super) async fn submit(
        &self,
        mut requests: Vec<Request>,
        listener: Option<Listener>,
        batch: Option<u64>,
    ) -> Result<Batch, Failure> {
        let slots = self.slots(requests.len()).await?;
        self.tell_foreseen(&mut requests).await?;
        let (tell, told) = mpsc::unbounded_channel();
        let mut contents = HashMap::new();
        let (mut modules, mut sources, mut listeners) = (Vec::new(), Vec::new(), Vec::new());
        let mut foreseen = Vec::new();
        for mut request in requests {
            let own = request.listener.or_else(|| listener.clone());
            request.task.live = request.task.live || own.is_some();
            listeners.push(own);
            contents.extend(request.contents);
            sources.push(request.src);
            foreseen.push(request.foreseen);
            modules.push(request.task);
        }
        let mut table = self.alive()?;
        modules.iter_mut().for_each(|task| task.id = table.id());
        let ids: Vec<u64> = modules.iter().map(|task| task.id).collect();
        let order = match (batch, modules.pop()) {
            (None, Some(task)) => Order::from(task),
            (Some(id), Some(task)) => {
                modules.push(task);
                Order::Batch { id, modules }
            }
            (_, None) => return Ok(Batch::empty(self.clone(), told)),
        };
        let frame = encode(&order);
        if frame.len() > ORDER_LIMIT {
            let text = format!("the parameters are longer than the {} MiB a gate takes", ORDER_LIMIT >> 20);
            return Err(Failure::new(Code::BadParams, text).permanent());
        }
        let contents = Arc::new(contents);
        for (((index, id), listener), foreseen) in ids.iter().enumerate().zip(listeners).zip(foreseen) {
            let kind = Kind::Module { batch, contents: contents.clone() };
            let tell = tell.clone();
            let pending = Pending { tell, index, listener, started: false, foreseen, kind };
            table.requests.insert(*id, pending);
        }
        if let Some(id) = batch {
            table.batches.insert(id, Group { contents, left: ids.len() });
        }
        drop(table);
        self.inner.shared.write(Write::Frame(frame));
        let open = ids.iter().map(|_| true).collect();
        Ok(Batch {
            gate: self.clone(),
            id: batch.or(ids.first().copied()),
            told,
            sources,
            open,
            _slots: Some(slots),
        })
    }
}

/// What is told of a module in a batch.
#[derive(Debug)]
pub enum Said {
    /// It is about to start; nothing of it has happened before.
    Started,
    /// It has ended.
    Done(Result<Reply, Failure>),
    /// It never began, because one before it failed or the batch was cancelled.
    NotStarted,
    /// The connection was lost before it had ended; if it was said to start, it may have been done.
    Lost(Failure),
}

/// Modules under way, told of one by one.
pub struct Batch {
    gate: Gate,
    id: Option<u64>,
    told: mpsc::UnboundedReceiver<(usize, Told)>,
    sources: Vec<Option<String>>,
    open: Vec<bool>,
    _slots: Option<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Batch {
    fn empty(gate: Gate, told: mpsc::UnboundedReceiver<(usize, Told)>) -> Self {
        Self { gate, id: None, told, sources: Vec::new(), open: Vec::new(), _slots: None }
    }

    /// What is said next, and of which module of the batch; None when each has its end. Nothing is lost if the
    /// future is dropped.
    pub async fn next(&mut self) -> Option<(usize, Said)> {
        let first = self.open.iter().position(|open| *open)?;
        let Some((index, told)) = self.told.recv().await else {
            self.open[first] = false;
            return Some((first, Said::Lost(self.gate.ended().failure())));
        };
        let said = match told {
            Told::Started => return Some((index, Said::Started)),
            Told::Done(Body::Error(Fault::NotStarted)) => Said::NotStarted,
            Told::Done(Body::Error(fault)) => Said::Done(Err(refused(fault))),
            Told::Done(Body::Reply(reply)) => {
                Said::Done(Ok(Request::shown(self.sources[index].as_deref(), reply)))
            }
            // The table has ended the connection already, for no module is answered by a file.
            Told::Done(Body::File { .. }) => Said::Done(Err(self.gate.ended().failure())),
            Told::Refused(message) => Said::Done(Err(Error::GaveUp(message).failure())),
        };
        self.open[index] = false;
        Some((index, said))
    }

    /// Ends what is left of it early. Each module is told of nevertheless.
    pub fn cancel(&self) {
        if let Some(id) = self.id.filter(|_| self.open.contains(&true)) {
            self.gate.inner.shared.order(&Order::Cancel { id });
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// What a gate could not do, as this program says it.
pub(super) fn refused(fault: Fault) -> Failure {
    match windlass_gate::Error::try_from(fault) {
        Ok(error) => failure::error(error),
        Err(Fault::Panicked { message }) => failure::panicked(&message),
        Err(Fault::UnknownModule { name }) => request::unknown(&name),
        Err(_) => failure::cancelled(),
    }
}
