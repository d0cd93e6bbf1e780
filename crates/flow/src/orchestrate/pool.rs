//! Where work is done beside the loop: the parallel executor.

/// A piece of work.
pub type Work = Box<dyn FnOnce() + Send>;

/// Does work beside its caller. How much of it goes on at once is the loop's to say. A caller may bring its own.
pub trait Pool: Send + Sync {
    /// Begins, and comes back at once. The error gives the reason why it cannot.
    fn start(&self, work: Work) -> Result<(), String>;
}

/// A thread for each piece of work: asking a model takes ten thousand times as long as making one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

impl Pool for Threads {
    fn start(&self, work: Work) -> Result<(), String> {
        let thread = std::thread::Builder::new().name("windlass-ask".into());
        thread.spawn(work).map(drop).map_err(|error| format!("no thread can be started: {error}"))
    }
}
