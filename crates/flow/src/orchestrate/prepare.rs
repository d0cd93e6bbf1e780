//! Makes a task ready to start: what it is given, what it needs, whether that may be spent.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_llm::catalogue::Model;
use windlass_llm::context::{Fit, Given, Output, Piece};
use windlass_llm::{Message, Patience, Request};
use windlass_model::{Cost, Usage};

use super::drive::Drive;
use super::{Call, Error, Mode, TaskError, TaskState};

/// A task that may start.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) call: Arc<Call>,
    pub(super) model: Arc<Model>,
    /// What is reserved for it.
    pub(super) cost: Cost,
}

/// Why a task may not start: what is told of it, and of the run.
pub(super) struct Denied {
    pub(super) task: TaskError,
    pub(super) run: Error,
}

impl Drive<'_> {
    /// Makes a task ready, if what it needs may be spent beside all that is reserved.
    pub(super) fn prepare(&mut self, at: usize) -> Result<Prepared, Denied> {
        let task = self.tasks[at].clone();
        let denied = |code: &'static str, message: String| Denied {
            run: Error::TaskFailed { task: task.id.clone(), code, message: message.clone() },
            task: TaskError::new(code, message),
        };
        let model = self.flow.parts.catalogue.find(&task.model).cloned();
        let model = model.map_err(|unknown| denied("model_unknown", unknown.to_string()))?;
        let fit = self.fit(at, &model);
        let fit = fit.map_err(|message| denied("context_compact_failed", message))?;
        let call = self.call(at, &model, &fit);
        let need = self.flow.parts.sizer.need(&model, &task, &call);
        let cost = self.flow.parts.calculator.reserve(&model, &need);
        let (policy, used) = (&self.flow.policy, &self.report.usage);
        let allowed = self.flow.parts.enforcer.allow(&policy.budget, used, self.reserved, &cost);
        allowed.map_err(|run| Denied { task: TaskError::new("budget_exceeded", run.to_string()), run })?;
        if let Some(report) = self.report.tasks.get_mut(&task.id) {
            report.dropped = fit.dropped;
        }
        Ok(Prepared { call: Arc::new(call), model: Arc::new(model), cost })
    }

    /// What is sent along with a task, made to fit.
    fn fit(&mut self, at: usize, model: &Model) -> Result<Fit, String> {
        let parts = &self.flow.parts;
        let given = Given { outputs: self.outputs(at), memory: parts.memory.all() };
        let texts = parts.sizer.texts(model);
        let mut used = self.report.usage.clone();
        let mut summarize = |pieces: &[Piece], room: u64| {
            let mut paid = Usage::default();
            let text = self.summary(at, model, pieces, room, &used, &mut paid);
            used.add(&paid);
            text
        };
        let bundle = parts.builder.build(&given);
        let fit = parts.compactor.compact(bundle, &self.flow.policy.context, &*texts, &mut summarize);
        self.report.usage = used;
        fit.map_err(|misfit| misfit.to_string())
    }

    /// What the tasks before gave, in the order of needs.
    fn outputs(&self, at: usize) -> Vec<Output> {
        let routed = |dep: &usize| self.flow.parts.mode == Mode::Compatible || self.routed[at].contains(dep);
        let output = |dep: &usize| {
            let report = self.report.tasks.get(&self.graph.ids[*dep]);
            Output {
                id: self.graph.ids[*dep].clone(),
                text: report.and_then(|report| report.output.clone()),
                completed: report.is_some_and(|report| report.state == TaskState::Completed),
                in_prompt: false,
            }
        };
        self.graph.deps[at].iter().filter(|dep| routed(dep)).map(output).collect()
    }

    /// What the executor gets. As claude-workflow has it, that is the prompt and all outputs as inputs, whatever
    /// was left out of the context.
    fn call(&self, at: usize, model: &Model, fit: &Fit) -> Call {
        let task = &self.tasks[at];
        let most = task.max_output_tokens.unwrap_or(self.flow.policy.max_output_tokens);
        let mut request = Request::new(&model.id, "", most.min(model.max_output.unwrap_or(most)));
        request.system.clone_from(&task.system);
        (request.messages, request.stable) = match self.flow.parts.mode {
            Mode::Corrected => fit.bundle.messages(&task.prompt),
            Mode::Compatible => (vec![Message::user(&task.prompt)], 0),
        };
        let inputs: &BTreeMap<_, _> = match self.flow.parts.mode {
            Mode::Corrected => &task.inputs,
            Mode::Compatible => &self.inputs[at],
        };
        Call {
            task: task.id.clone(),
            request,
            inputs: inputs.clone(),
            context: fit.bundle.clone(),
            memory: self.flow.parts.memory.clone(),
        }
    }

    /// Has the task's own model write a summary, under the same budget.
    fn summary(
        &self,
        at: usize,
        model: &Model,
        pieces: &[Piece],
        room: u64,
        used: &Usage,
        paid: &mut Usage,
    ) -> Result<String, String> {
        let parts = &self.flow.parts;
        let texts: Vec<&str> = pieces.iter().map(|piece| &*piece.text).collect();
        let question = format!(
            "Summarise what follows in at most {room} tokens. Keep names, numbers and decisions.\n\n{}",
            texts.join("\n\n")
        );
        let most = u32::try_from(room).unwrap_or(u32::MAX).min(model.max_output.unwrap_or(u32::MAX));
        let mut call = self.call(at, model, &Fit::default());
        call.request = Request::new(&model.id, question, most.max(1));
        let need = parts.sizer.need(model, &self.tasks[at], &call);
        let cost = parts.calculator.reserve(model, &need);
        let budget = &self.flow.policy.budget;
        let allowed = parts.enforcer.allow(budget, used, self.reserved, &cost);
        allowed.map_err(|error| error.to_string())?;
        let control = self.control.clone();
        let patience = Patience::new(move || !control.aborted());
        let answer = self.flow.executor.execute(&call, &patience);
        let tokens = match &answer {
            Ok(answer) => Some(answer.tokens),
            Err(fault) => fault.spent,
        };
        if let Some(tokens) = tokens {
            let actual = super::merge::usage(parts, model, &tokens);
            let recorded = parts.enforcer.record(budget, paid, &actual);
            parts.tracker.add(&self.tasks[at].id, &model.id, &actual, paid);
            recorded.map_err(|error| error.to_string())?;
        }
        answer.map(|answer| answer.output).map_err(|fault| fault.message)
    }
}
