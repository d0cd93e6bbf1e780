//! What there is to know before a prompt can be planned: models, providers, and what the project allows.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_engine::CompileContext;
use windlass_llm::catalogue::{Catalogue, Model, Role};
use windlass_model::{Code, Diagnostic, Diagnostics, Source};
use windlass_yaml::{Limits, Reader, nearest};

use super::provider::{self, Declared};
use super::{Policy, Prompts, policy};

/// Files beside a document that add models.
const MODEL_FILES: [&str; 3] = ["models.yaml", "models.yml", "models.json"];

/// Models, providers, and what the project allows.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The models.
    pub catalogue: Catalogue,
    /// What the project allows.
    pub policy: Policy,
    providers: BTreeMap<String, Declared>,
}

/// Why a model cannot be asked, and what to do about it.
pub(super) struct Unusable {
    pub(super) code: Code,
    pub(super) why: String,
    pub(super) hint: String,
}

impl Setup {
    /// What holds for a document: the project's configuration first, then the files beside the document, then
    /// its own words. What is wrong with them comes beside what could be read.
    pub(super) fn of(prompts: &Prompts, cx: &CompileContext) -> (Self, Diagnostics) {
        let mut setup = Self {
            catalogue: Catalogue::builtin(),
            policy: Policy::default(),
            providers: provider::known(&prompts.env),
        };
        let mut problems = Diagnostics::default();
        if let Some(project) = &prompts.project {
            problems.extend(setup.project(project));
        }
        for name in MODEL_FILES.iter().filter(|name| cx.root().join(name).is_file()) {
            problems.extend(setup.file(name, cx));
        }
        if let Some((source, node)) = cx.sections().get("models") {
            let reader = Reader::new(source);
            setup.catalogue.extend_list(&reader, node);
            problems.extend(reader.into_problems());
        }
        if let Some((source, node)) = cx.sections().get("providers") {
            let reader = Reader::new(source);
            provider::read(&reader, node, &mut setup.providers);
            problems.extend(reader.into_problems());
        }
        (setup, problems)
    }

    /// Whether there are files beside a document: they are read for each document anew, and it stands on them.
    pub(super) fn has_files(cx: &CompileContext) -> bool {
        MODEL_FILES.iter().any(|name| cx.root().join(name).is_file())
    }

    fn project(&mut self, source: &Arc<Source>) -> Diagnostics {
        let node = match windlass_yaml::parse(source, &Limits::default()) {
            Ok(node) => node,
            Err(problems) => return problems,
        };
        let reader = Reader::new(source);
        let there = |key: &str| node.get(key).filter(|node| !node.is_null());
        if let Some(models) = there("models") {
            self.catalogue.extend_list(&reader, models);
        }
        if let Some(providers) = there("providers") {
            provider::read(&reader, providers, &mut self.providers);
        }
        if let Some(prompts) = there("prompts") {
            self.policy = policy::read(&reader, prompts);
        }
        reader.into_problems()
    }

    /// A file beside the document. The plan stands on it.
    fn file(&mut self, name: &str, cx: &CompileContext) -> Diagnostics {
        let unreadable = |error: std::io::Error| {
            Diagnostic::new(Code::Unreadable, format!("cannot read {name}: {error}")).into()
        };
        if let Err(error) = cx.file(name) {
            return unreadable(error);
        }
        match windlass_yaml::read_file(&cx.root().join(name), name, &Limits::default()) {
            Ok(source) => self.catalogue.extend(&source).err().unwrap_or_default(),
            Err(problem) => problem.into(),
        }
    }

    /// The model and the provider that are meant: a model by its id or its role, at its own provider or at
    /// another that was named.
    pub(super) fn choose(&self, model: &str, at: Option<&str>) -> Result<(&Model, &Declared), Unusable> {
        let role = Role::parse(model);
        let found = match (role, at) {
            (Some(role), Some(provider)) => {
                self.catalogue.of_role_at(role, provider).or_else(|| self.catalogue.of_role(role))
            }
            (Some(role), None) => self.of_role(role),
            (None, _) => None,
        };
        let model = match found {
            Some(model) => model,
            None => self.catalogue.find(model).map_err(|unknown| Unusable {
                code: Code::UnknownModel,
                why: unknown.to_string(),
                hint: unknown.hint(),
            })?,
        };
        let name = at.unwrap_or(&model.provider);
        let provider = self.providers.get(name).ok_or_else(|| self.no_provider(name, model))?;
        if !Policy::allows(&self.policy.models, &model.id) {
            return Err(refused(format!("the model {} is not allowed in this project", model.id)));
        }
        if !Policy::allows(&self.policy.providers, name) {
            return Err(refused(format!("the provider {name} is not allowed in this project")));
        }
        Ok((model, provider))
    }

    /// Of the models of a role the first that the project allows.
    fn of_role(&self, role: Role) -> Option<&Model> {
        let own = self.catalogue.of_role(role);
        let allowed = |model: &&Model| {
            Policy::allows(&self.policy.models, &model.id)
                && Policy::allows(&self.policy.providers, &model.provider)
        };
        let others = || self.providers.keys().filter_map(|name| self.catalogue.of_role_at(role, name));
        own.filter(allowed).or_else(|| others().find(allowed)).or(own)
    }

    fn no_provider(&self, name: &str, model: &Model) -> Unusable {
        let names = self.providers.keys().map(String::as_str);
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: `providers: {{ {name}: {{ kind: openai, base_url: http://… }} }}`"),
        };
        let why = match model.provider == name {
            true => format!("the model {} is at the provider `{name}`, which is not known", model.id),
            false => format!("there is no provider `{name}`"),
        };
        Unusable { code: Code::BadProvider, why, hint }
    }
}

fn refused(why: String) -> Unusable {
    let hint = "`prompts` of windlass.yaml says what is allowed".to_owned();
    Unusable { code: Code::PromptPolicy, why, hint }
}
