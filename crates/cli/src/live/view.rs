//! The live view on a terminal: hears records and output, and draws some times a second.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use windlass_engine::{Observer, Stream, Watch};
use windlass_model::projection::RunMeta;
use windlass_model::{At, Record, RunState};

use super::board::Board;
use super::keys::Keys;
use super::narrate::Manner;
use super::screen::{Screen, size};
use crate::render::now;

/// The time between two frames: twelve a second look smooth and cost nothing.
const BEAT: Duration = Duration::from_millis(80);

/// Says yes or no for a person: the step, and the answer.
pub(crate) type Answer = Box<dyn Fn(At, bool) + Send>;

/// Says what time it is, in milliseconds since 1970: of a run that is shown once more, its own.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The live view. Clones are the same view.
#[derive(Clone)]
pub(crate) struct View(Arc<Shared>);

struct Shared {
    board: Mutex<Board>,
    phase: Mutex<Phase>,
    wake: Condvar,
    screen: Arc<Screen>,
    clock: Clock,
    thread: Mutex<Option<JoinHandle<()>>>,
    answer: Mutex<Option<Answer>>,
}

/// Whether it draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Drawing,
    /// It is to leave the terminal alone for a while.
    Pausing,
    /// It does.
    Paused,
    Over,
}

/// How long a pause waits for the frame under way.
const FRAME: Duration = Duration::from_millis(500);

impl View {
    /// A view that begins to draw at once.
    pub(crate) fn open(screen: Arc<Screen>, manner: Manner) -> Self {
        Self::by_clock(screen, manner, Arc::new(now))
    }

    /// A view whose time is that of `clock`.
    pub(crate) fn by_clock(screen: Arc<Screen>, manner: Manner, clock: Clock) -> Self {
        let view = Self(Arc::new(Shared {
            board: Mutex::new(Board::new(manner)),
            phase: Mutex::new(Phase::Drawing),
            wake: Condvar::new(),
            screen,
            clock,
            thread: Mutex::new(None),
            answer: Mutex::new(None),
        }));
        let shared = view.0.clone();
        let thread = std::thread::Builder::new().name("live view".into()).spawn(move || shared.beat());
        // Without its thread the view draws its last frame only.
        *lock(&view.0.thread) = thread.ok();
        view
    }

    /// Where answers go.
    pub(crate) fn answer(&self, answer: Answer) {
        *lock(&self.0.answer) = Some(answer);
    }

    /// The run is to stop, and this is what it waits for.
    pub(crate) fn stop(&self, waits: &'static str) {
        lock(&self.0.board).stop(waits);
    }

    /// Takes the region away and leaves the terminal as it was, until [`go_on`](Self::go_on).
    pub(crate) fn pause(&self) {
        let mut phase = lock(&self.0.phase);
        if *phase == Phase::Drawing {
            *phase = Phase::Pausing;
            self.0.wake.notify_all();
            let pausing = |phase: &mut Phase| *phase == Phase::Pausing;
            drop(self.0.wake.wait_timeout_while(phase, FRAME, pausing));
        }
    }

    /// Draws again.
    pub(crate) fn go_on(&self) {
        let mut phase = lock(&self.0.phase);
        if matches!(*phase, Phase::Pausing | Phase::Paused) {
            *phase = Phase::Drawing;
            self.0.wake.notify_all();
        }
    }

    /// Takes the region away; what was told stays.
    pub(crate) fn close(&self) {
        *lock(&self.0.phase) = Phase::Over;
        self.0.wake.notify_all();
        if let Some(thread) = lock(&self.0.thread).take() {
            // A view that broke leaves nothing to tell.
            let _ = thread.join();
        }
        // What came after the last frame.
        let stay = lock(&self.0.board).take_stay();
        if !stay.is_empty() {
            self.0.screen.draw(&stay, &[]);
        }
        self.0.screen.close();
    }
}

impl Shared {
    fn beat(&self) {
        let mut keys = Keys::default();
        for beat in 0.. {
            let phase = lock(&self.phase);
            let (mut phase, _) = self.wake.wait_timeout(phase, BEAT).unwrap_or_else(PoisonError::into_inner);
            match *phase {
                Phase::Over => return,
                Phase::Paused => continue,
                Phase::Pausing => {
                    keys.close();
                    self.screen.close();
                    *phase = Phase::Paused;
                    self.wake.notify_all();
                    continue;
                }
                Phase::Drawing => drop(phase),
            }
            self.draw(beat);
            self.hear(&mut keys);
        }
    }

    fn draw(&self, beat: usize) {
        let (width, height) = size();
        let mut board = lock(&self.board);
        let stay = board.take_stay();
        let frame = board.frame((self.clock)(), beat, width, height);
        drop(board);
        self.screen.draw(&stay, &frame);
    }

    /// Keys count only while a question is open, and only from then on.
    fn hear(&self, keys: &mut Keys) {
        let Some(at) = lock(&self.board).question() else {
            return keys.close();
        };
        let yes = match keys.read() {
            Some(b'y' | b'Y') => true,
            Some(b'n' | b'N') => false,
            _ => return,
        };
        if let Some(answer) = &*lock(&self.answer) {
            answer(at, yes);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observer for View {
    fn begin(&mut self, meta: &RunMeta, state: &RunState) {
        lock(&self.0.board).begin(meta.run_id.as_str(), state, (self.0.clock)());
    }

    fn records(&mut self, state: &RunState, records: &[Record]) {
        lock(&self.0.board).records(state, records);
    }
}

impl Watch for View {
    fn line(&self, at: At, _: Stream, line: &str) {
        // A step never waits for the view: while it draws, a line is lost.
        if let Ok(mut board) = self.0.board.try_lock() {
            board.line(at, line);
        }
    }
}
