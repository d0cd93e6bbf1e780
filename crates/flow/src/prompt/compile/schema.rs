//! JSON schemas in documents: whether they are any.

use serde_json::Value;
use windlass_model::Code;
use windlass_yaml::Node;

use super::Call;

impl Call<'_> {
    /// The schema that the reply has to match.
    pub(super) fn output_schema(&self) -> Option<Value> {
        self.json_schema("output_schema", self.key("output_schema")?)
    }

    /// A JSON schema; `None` with a problem noted where it is none.
    pub(super) fn json_schema(&self, key: &str, node: &Node) -> Option<Value> {
        let schema = node.to_json();
        let wrong = match &schema {
            Value::Object(_) => crate::prompt::schema::check(&schema).err(),
            _ => Some(format!("expected a mapping, found {}", node.kind_name())),
        };
        let Some(wrong) = wrong else { return Some(schema) };
        let message = format!("`{key}` is no JSON schema: {wrong}");
        let problem = self.reader.problem(Code::BadSchema, node.span, message);
        self.reader.note(
            problem.hint(
                "such as `{ type: object, properties: { score: { type: number } }, required: [score] }`",
            ),
        );
        None
    }
}
