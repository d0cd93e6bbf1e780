//! JMESPath, the language of `json_query`: read into a tree, which is evaluated over the values of expressions.
//!
//! It is our own because it must be metered: `[@,@]|[@,@]|…|to_string(@)` doubles a value with every step.

mod eval;
mod functions;
mod lex;
mod parse;

use minijinja::{Error, Value};

use crate::args::invalid;

/// How many tokens a query may have: the tree is at most as deep, and walking it recurses.
const MAX_TOKENS: usize = 400;

/// A query as a tree.
#[derive(Debug, Clone)]
enum Node {
    Current,
    Field(String),
    Index(i64),
    Slice([Option<i64>; 3]),
    Literal(Value),
    /// The right side over what the left one gives.
    Then(Box<Node>, Box<Node>),
    /// The right side over each item of the list that the left one gives.
    Each(Box<Node>, Box<Node>),
    /// The same over the values of a map.
    EachValue(Box<Node>, Box<Node>),
    /// The same over the items for which the condition, the last, holds.
    Where(Box<Node>, Box<Node>, Box<Node>),
    Flatten(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(&'static str, Box<Node>, Box<Node>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    Call(String, Vec<Node>),
    /// A query that is not evaluated but handed to a function.
    Query(Box<Node>),
}

/// Evaluates a query over a value.
pub(crate) fn search(query: &str, value: &Value) -> Result<Value, Error> {
    crate::meter::charge(query.len().saturating_mul(64))?;
    let tokens = lex::tokens(query).map_err(|what| invalid(format!("the query is not valid: {what}")))?;
    if tokens.len() > MAX_TOKENS {
        return Err(invalid("the query is too long"));
    }
    let node = parse::query(tokens).map_err(|what| invalid(format!("the query is not valid: {what}")))?;
    eval::eval(&node, value)
}
