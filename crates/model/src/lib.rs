//! The words of Windlass: what plans, events, outcomes and states are. Pure: no IO, no clock, no threads.
//!
//! Start at [`Plan`] (what will be done), [`Event`] (what happened) and [`RunState`] (where it stands, which
//! is the sum of the events).

mod canonical;
mod code;
mod diagnostic;
pub mod digest;
mod draft;
mod event;
mod id;
mod inventory;
mod money;
mod note;
mod outcome;
mod plan;
pub mod projection;
mod rearm;
mod rounds;
mod shape;
mod source;
mod state;
mod undo;

pub use code::Code;
pub use diagnostic::{Diagnostic, Diagnostics};
pub use draft::{Draft, LOCALHOST, TaskDraft, is_this_machine};
pub use event::{At, CleanupEntry, Event, Fragment, Record, RunStatus, Scope, TaskEnd, Verdict};
pub use id::{BadId, MAX_ID, PlanId, RunId, StageName, StepId, TaskId};
pub use inventory::{Become, Inventory, Known, Rollout};
pub use money::{Budget, Cost, Money, Tokens, Usage};
pub use note::{Note, Noted};
pub use outcome::{Detail, Failure, Outcome, Status};
pub use plan::{
    BadPlan, BlobId, Block, Inputs, Intent, Loop, OnDoubt, PLAN_VERSION, Plan, Policy, Retry, RetryOn,
    Rounds, SecretRef, Stage, Step, StepMore, Strategy, Task, TaskMore, Until,
};
pub use rounds::PastRound;
pub use shape::Dependents;
pub use source::{Location, Source, Span};
pub use state::{Approval, Expansion, IllegalEvent, Phase, RunState, StepRun, TaskDetail, TaskRun};
