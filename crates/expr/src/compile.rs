//! From source text to something that the engine runs: check, parse, take the references, rewrite, compile.

use minijinja::machinery::ast::{Expr, Stmt};
use minijinja::machinery::{parse, parse_expr};
use minijinja::syntax::SyntaxConfig;

use crate::env::environment;
use crate::error::Error;
use crate::explain::syntax_error;
use crate::limits;
use crate::literals;
use crate::refs::{References, path};
use crate::rewrite::{self, Dialect, Rewritten};

/// The compiled form of an expression.
pub(crate) struct Compiled {
    pub expression: minijinja::Expression<'static, 'static>,
    pub rewritten: Rewritten,
    /// The variable's path, if the whole expression is one: to name it when it is undefined.
    pub path: Option<Vec<String>>,
}

/// What a template's text turned out to be.
pub(crate) enum Body {
    /// No Jinja that does anything.
    Literal(String),
    /// One `{{ expression }}` and nothing else.
    Single(Compiled),
    /// A text with holes.
    Text(Box<Text>),
}

/// A text with holes: an environment that holds it as its one template.
pub(crate) struct Text {
    pub env: minijinja::Environment<'static>,
    pub rewritten: Rewritten,
    /// Whether it writes nowhere but to its end, so that one can tell what it writes.
    pub direct: bool,
}

/// The name of a text in its own environment.
pub(crate) const NAME: &str = "text";

/// Compiles the text of an expression, without its braces.
pub(crate) fn expression(source: &str, dialect: &Dialect<'_>) -> Result<(Compiled, References), Error> {
    let syntax = SyntaxConfig::default();
    let readable = literals::blotted(source, true, &syntax);
    limits::check(&readable, true, &syntax)?;
    let tree = parse_expr(&readable).map_err(|e| syntax_error(&e, source))?;
    let references = References::of_expression(&tree, source, dialect);
    Ok((compiled(source, &tree, dialect)?, references))
}

/// Compiles a template.
pub(crate) fn template(
    source: &str,
    syntax: SyntaxConfig,
    dialect: &Dialect<'_>,
) -> Result<(Body, References), Error> {
    let readable = literals::blotted(source, false, &syntax);
    limits::check(&readable, false, &syntax)?;
    let tree = parse(&readable, NAME, syntax).map_err(|e| syntax_error(&e, source))?;
    let references = References::of_template(&tree, source, dialect);
    let children = match &tree {
        Stmt::Template(root) => root.children.as_slice(),
        _ => &[],
    };
    let body = match children {
        [] => Body::Literal(String::new()),
        [Stmt::EmitRaw(raw)] => Body::Literal(dialect.newlines(raw.raw).into_owned()),
        [Stmt::EmitExpr(emit)] => Body::Single(compiled(source, &emit.expr, dialect)?),
        _ => Body::Text(Box::new(text(source, &tree, dialect)?)),
    };
    Ok((body, references))
}

fn compiled(source: &str, tree: &Expr<'_>, dialect: &Dialect<'_>) -> Result<Compiled, Error> {
    let rewritten = rewrite::expression(source, tree, dialect)?;
    let expression = environment()
        .compile_expression_owned(rewritten.source.clone())
        .map_err(|e| in_original(&e, source, &rewritten))?;
    Ok(Compiled { expression, rewritten, path: path(tree) })
}

fn text(source: &str, tree: &Stmt<'_>, dialect: &Dialect<'_>) -> Result<Text, Error> {
    let (rewritten, direct) = rewrite::template(source, tree, dialect)?;
    let mut env = environment().clone();
    env.add_template_owned(NAME, rewritten.source.clone())
        .map_err(|e| in_original(&e, source, &rewritten))?;
    Ok(Text { env, rewritten, direct })
}

/// An error of the engine about the rewritten text: too deep, too large for it.
fn in_original(error: &minijinja::Error, source: &str, rewritten: &Rewritten) -> Error {
    let mut out = syntax_error(error, source);
    out.offset = error.range().and_then(|range| rewritten.original(range.start));
    out
}
