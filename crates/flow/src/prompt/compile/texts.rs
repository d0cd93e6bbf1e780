//! The text of a prompt: one, or one for each role of models.

use serde_json::Value;
use windlass_llm::catalogue::{Model, Role};
use windlass_model::Code;

use super::Call;

impl Call<'_> {
    /// The text for the model that is asked.
    pub(super) fn prompt(&self, model: Option<&Model>) -> Option<Value> {
        let input = self.call.input;
        let Some(entries) = input.as_map() else {
            let empty = input.is_null() || input.as_str().is_some_and(|text| text.trim().is_empty());
            if empty || input.as_list().is_some() {
                let found = if input.as_str().is_some() { "an empty text" } else { input.kind_name() };
                let message = format!("`prompt`: expected a text, found {found}");
                let problem = self.reader.problem(Code::WrongType, input.span, message);
                self.reader
                    .note(problem.hint("write what the model is asked; several lines go below `prompt: |`"));
                return None;
            }
            return Some(input.text().map_or_else(|| input.to_json(), Value::from));
        };
        let mut good = true;
        for (key, text) in entries {
            let name = key.as_str().unwrap_or_default();
            if name != "default" && Role::parse(name).is_none() {
                let message = format!("`prompt`: there is no role `{name}`");
                let problem = self.reader.problem(Code::UnknownKey, key.span, message);
                self.reader
                    .note(problem.hint("its texts are for `flagship`, `balanced`, `fast` and `default`"));
                good = false;
            }
            good &= self.reader.text(text).is_some();
        }
        let model = model?;
        let role = self.role(model);
        let named = role.and_then(|role| input.get(role.as_str()));
        let Some(text) = named.or_else(|| input.get("default")) else {
            let role = role.map_or("no role".to_owned(), |role| format!("the role `{role}`"));
            let message = format!("`prompt` has no text for {}, which has {role}", model.id);
            self.wrong(input.span, message, "add one for that role, or a `default`");
            return None;
        };
        text.text().filter(|_| good).map(Value::from)
    }

    /// The role that a model was asked in; otherwise the one that it has.
    fn role(&self, model: &Model) -> Option<Role> {
        let asked = self.key("model").and_then(|node| node.as_str()).and_then(Role::parse);
        let held = || self.setup.catalogue.roles_of(&model.id).next();
        asked.or_else(held).or(model.default_role)
    }
}
